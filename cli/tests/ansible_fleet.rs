//! The Ansible collection with real ansible-core against six sshds: three testbeds in parallel, one with a slow link, one that cannot be reached.
//! Needs root, and PyPI: without it these tests are skipped.
#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod program;
#[path = "../../reporter/tests/python/mod.rs"]
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use program::host::{Host, Keys, Namespace};
use program::veth::ip;
use program::{errors, executable, json, linerate, wait_for};
use serde_json::Value;

/// What the links of the testbeds carry, in Mbit/s: one has half.
const RATE: u32 = 200;

/// The testbed with the slow link, and the one that cannot be reached.
const SLOW: &str = "rack2";
const SILENT: &str = "rack3";

const RACKS: [&str; 3] = ["rack1", SLOW, SILENT];

/// A file that one host has before.
const OWN_PROGRAM: &str = "/usr/local/bin/linerate";

const PLAN: &str = r#"
name = "fleet"
pairs = "all"
sizes = [1518]
repetitions = 3

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "1s"
"#;

/// A Python with Ansible.
fn ansible() -> Option<PathBuf> {
    python::python_with("ansiblelint", &["ansible-core", "ansible-lint"])
}

/// The collection where Ansible looks for it, below `folder`.
fn collection(folder: &Path) -> PathBuf {
    let place = folder.join("ansible_collections/linerate");
    fs::create_dir_all(&place).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/ansible");
    let copied = Command::new("cp").arg("-r").arg(source).arg(place.join("linerate")).status().unwrap();
    assert!(copied.success());
    place.join("linerate")
}

#[test]
fn the_collection_passes_ansible_lint() {
    let Some(python) = ansible() else { return };
    let folder = tempfile::tempdir().unwrap();
    let collection = collection(folder.path());
    let output = Command::new(python.with_file_name("ansible-lint"))
        .args(["--offline", "--nocolor"])
        .current_dir(&collection)
        .env("PATH", path_with(python.parent().unwrap()))
        .env("ANSIBLE_COLLECTIONS_PATH", folder.path())
        .env("ANSIBLE_HOME", folder.path().join("home"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), errors(&output));
}

#[test]
fn devices_are_bound_and_put_back() {
    let Some(python) = ansible() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tests = collection(folder.path()).join("tests");
    let output =
        Command::new(python).args(["-m", "unittest", "discover", "-s"]).arg(tests).env("PYTHONPATH", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(errors(&output).contains("Ran 3 tests"), "{}", errors(&output));
}

/// A package that another package needs now, a folder that someone else uses, and a file that is not a state file.
const CHANGED_BY_OTHERS: &str = r#"
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - linerate.linerate.packages: {deb: "{{ folder }}/lr-one.deb", state_file: /var/lib/linerate/state.json}
    - linerate.linerate.packages: {deb: "{{ folder }}/lr-one.deb", state_file: /var/lib/linerate/state.json}
      register: again
    - ansible.builtin.assert: {that: not again.changed}
    - linerate.linerate.prepare_path: {path: /opt/lr/bin/x, state_file: /var/lib/linerate/state.json}
    - ansible.builtin.command: "dpkg --install {{ folder }}/lr-two.deb"
    - ansible.builtin.copy: {content: mine, dest: /opt/lr/mine, mode: "0644"}
    - linerate.linerate.undo: {state_file: /var/lib/linerate/state.json}
      check_mode: true
      register: planned
    - linerate.linerate.undo: {state_file: /var/lib/linerate/state.json}
      register: done
    - ansible.builtin.copy: {content: "{{ done }}", dest: /done.json, mode: "0644"}
    - ansible.builtin.assert: {that: 'planned.changed and planned.kept == ["package lr-one: needed by lr-two"]'}
    - ansible.builtin.copy: {content: "{}", dest: /bad.json, mode: "0644"}
    - linerate.linerate.undo: {state_file: /bad.json}
      register: refused
      failed_when: "'not a state file of linerate' not in refused.msg"
"#;

#[test]
fn what_others_need_is_kept_and_named() {
    let Some(python) = ansible() else { return };
    let folder = tempfile::tempdir().unwrap();
    collection(folder.path());
    package(folder.path(), "lr-one", "", None);
    package(folder.path(), "lr-two", "Depends: lr-one\n", None);
    fs::write(folder.path().join("play.yml"), CHANGED_BY_OTHERS).unwrap();
    let namespace = Namespace::add("undo");
    let host = Host::start("undo", &namespace.name, "", folder.path());
    let (path, program) = (folder.path().display().to_string(), python.with_file_name("ansible-playbook"));
    let extra = format!("folder={path}");
    let words = [program.to_str().unwrap(), "-e", &extra, &format!("{path}/play.yml")];
    let output = host.run(&words, &[("ANSIBLE_COLLECTIONS_PATH", &path), ("ANSIBLE_HOME", "/run/ansible"), ("ANSIBLE_NOCOLOR", "1")]);
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), errors(&output));
    let done: Value = serde_json::from_str(&host.text("/done.json").unwrap()).unwrap();
    let kept: Vec<&str> = done["kept"].as_array().unwrap().iter().map(|kept| kept.as_str().unwrap()).collect();
    assert_eq!(kept, ["package lr-one: needed by lr-two", "/opt/lr: not empty"]);
    assert_eq!(host.text("/opt/lr/mine").as_deref(), Some("mine"));
    assert!(host.text("/var/lib/linerate/state.json").is_none());
}

/// Builds NAME.deb in a folder, with a program if one is given.
fn package(folder: &Path, name: &str, more: &str, program: Option<&Path>) {
    let root = folder.join(format!("{name}-package"));
    fs::create_dir_all(root.join("DEBIAN")).unwrap();
    if let Some(program) = program {
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::copy(program, root.join("usr/bin/linerate")).unwrap();
    }
    let control = format!(
        "Package: {name}\nVersion: 0.1.0\nArchitecture: all\nMaintainer: linerate <linerate@example.invalid>\n{more}Description: test package\n"
    );
    fs::write(root.join("DEBIAN/control"), control).unwrap();
    let built = Command::new("dpkg-deb").args(["-Znone", "--build"]).arg(&root).arg(folder.join(format!("{name}.deb"))).output().unwrap();
    assert!(built.status.success(), "{}", errors(&built));
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// Six hosts in three testbeds, and the desk that Ansible and linerate run on.
struct Fleet {
    hosts: Vec<Host>,
    keys: Keys,
    desk: Namespace,
    _namespaces: Vec<Namespace>,
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Fleet {
    fn up(python: PathBuf) -> Fleet {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::make(folder.path().join("keys"));
        let network = Namespace::add("fleet-net");
        network.run("ip link add bridge0 type bridge forward_delay 0");
        network.run("ip link set bridge0 up");
        let desk = Namespace::add("fleet-desk");
        join(&network, &desk, "desk", "192.0.2.1");
        let (mut hosts, mut namespaces) = (Vec::new(), Vec::new());
        for (rack, name) in RACKS.iter().enumerate() {
            let ends = ["a", "b"].map(|system| Namespace::add(&format!("fleet-{name}-{system}")));
            ip(&["-n", &ends[0].name, "link", "add", "test0", "type", "veth", "peer", "name", "test0", "netns", &ends[1].name]);
            for (number, (end, system)) in ends.iter().zip(["a", "b"]).enumerate() {
                let address = format!("192.0.2.{}{}", rack + 1, number + 1);
                join(&network, end, &format!("h{rack}{number}"), &address);
                end.run(&format!("ip address add 198.51.100.{}/24 dev test0", number + 1));
                end.run("ip link set test0 up");
                let rate = if *name == SLOW && system == "a" { RATE / 2 } else { RATE };
                end.run(&format!("tc qdisc add dev test0 root tbf rate {rate}mbit burst 256kb latency 20ms"));
                let mut host = Host::start(&format!("{name}-{system}-cpu"), &end.name, &address, folder.path());
                host.listen(&keys);
                hosts.push(host);
            }
            namespaces.extend(ends);
        }
        namespaces.push(network);
        let fleet = Fleet { hosts, keys, desk, _namespaces: namespaces, python, folder };
        fleet.write_files();
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_files(&self) {
        collection(self.folder.path());
        // Without what a debugger needs it is copied and hashed in a quarter of the time.
        let program = self.path("linerate");
        assert!(Command::new("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_linerate")).status().unwrap().success());
        fs::write(self.path("plan.toml"), PLAN).unwrap();
        // linerate starts ssh as a user does: with the user's own settings, which are these here.
        let ssh = self.path("bin/ssh");
        fs::create_dir_all(self.path("bin")).unwrap();
        executable(&ssh, format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", self.keys.config().display()));
        package(self.folder.path(), "linerate", "Depends: iperf3\n", Some(&program));
        let huge_pages = huge_pages() + 4;
        let program = program.display();
        let mut text = format!(
            "[testbeds:children]\n{}\n\n[testbeds:vars]\nansible_python_interpreter=/usr/bin/python3\nlinerate_emulated=true\nlinerate_interface=test0\nlinerate_packages=['iperf3', 'iproute2', 'util-linux']\n",
            RACKS.join("\n")
        );
        for (rack, variables) in RACKS.iter().zip([
            format!("linerate_deb={}", self.path("linerate.deb").display()),
            format!("linerate_binary={program}\nlinerate_prefix=/opt/linerate\nlinerate_memlock_user=nobody"),
            format!("linerate_binary={program}\nlinerate_program=/usr/local/bin/linerate"),
        ]) {
            text.push_str(&format!("\n[{rack}:vars]\n{variables}\n\n[{rack}]\n"));
            for (number, host) in self.hosts.iter().filter(|host| host.name.starts_with(rack)).enumerate() {
                let more =
                    if host.name.starts_with(SILENT) && number == 0 { format!(" linerate_huge_pages={huge_pages}") } else { String::new() };
                text.push_str(&format!("{} ansible_host={} linerate_address=198.51.100.{}{more}\n", host.name, host.address, number + 1));
            }
        }
        let desk = self.path("desk").display().to_string();
        text.push_str(&format!(
            "\n[controllers]\ndesk ansible_connection=local ansible_python_interpreter=/usr/bin/python3 linerate_binary={program} linerate_packages=[] linerate_prefix={desk}/program linerate_state_dir={desk}/state linerate_home={desk}/fleet linerate_plan={} linerate_collect_to={}\n",
            self.path("plan.toml").display(),
            self.path("collected").display(),
        ));
        fs::write(self.path("hosts.ini"), text).unwrap();
    }

    /// Runs a playbook of the collection on the desk. What it starts ends with it.
    fn play(&self, playbook: &str, more: &[&str]) -> Play {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.desk.name, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        command.arg(self.python.with_file_name("ansible-playbook"));
        command.arg("-i").arg(self.path("hosts.ini")).args(["-f", "6", &format!("linerate.linerate.{playbook}")]).args(more);
        let settings = [
            ("ANSIBLE_COLLECTIONS_PATH", self.folder.path().display().to_string()),
            ("ANSIBLE_HOME", self.path("home").display().to_string()),
            ("ANSIBLE_REMOTE_TMP", "/run/ansible".to_owned()),
            ("ANSIBLE_PIPELINING", "true".to_owned()),
            ("ANSIBLE_NOCOLOR", "true".to_owned()),
            ("ANSIBLE_SSH_ARGS", format!("-F {} -o ControlMaster=auto -o ControlPersist=600", self.keys.config().display())),
            ("ANSIBLE_SSH_CONTROL_PATH_DIR", self.path("c").display().to_string()),
        ];
        let began = std::time::Instant::now();
        command.env("PATH", path_with(&self.path("bin")));
        let output = command.envs(settings).current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap();
        eprintln!("{playbook} {more:?}: {:.0} s", began.elapsed().as_secs_f64());
        Play::of(playbook, &output)
    }

    /// A second run on the first testbed while the first one measures there: what it says.
    fn second_run(&self) -> String {
        let runs = self.path("desk/fleet/runs/rack1");
        let measures =
            || fs::read_dir(&runs).is_ok_and(|mut runs| runs.any(|run| run.is_ok_and(|run| run.path().join("environment.json").exists())));
        wait_for("the first run", Duration::from_secs(120), measures);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.desk.name]).arg(self.path("desk/program/bin/linerate")).arg("run").arg("--testbed");
        command.arg(self.path("desk/fleet/testbeds/rack1.toml")).arg("--plan").arg(self.path("plan.toml"));
        let output = command.arg("--out").arg(self.path("second")).env("PATH", path_with(&self.path("bin"))).output().unwrap();
        assert!(!output.status.success());
        errors(&output)
    }
}

/// Gives a namespace an address on the network of the hosts.
fn join(network: &Namespace, namespace: &Namespace, port: &str, address: &str) {
    ip(&["-n", &namespace.name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", &network.name]);
    network.run(&format!("ip link set {port} master bridge0 up"));
    namespace.run(&format!("ip address add {address}/24 dev eth0"));
    namespace.run("ip link set eth0 up");
}

const HUGE_PAGES: &str = "/proc/sys/vm/nr_hugepages";

fn huge_pages() -> u32 {
    fs::read_to_string(HUGE_PAGES).unwrap().trim().parse().unwrap()
}

/// Puts the number of huge pages back, also where an assertion failed before the playbook did.
struct HugePages(u32);

impl Drop for HugePages {
    fn drop(&mut self) {
        if huge_pages() != self.0 {
            let _ = fs::write(HUGE_PAGES, self.0.to_string());
        }
    }
}

/// How a playbook ended.
struct Play {
    code: Option<i32>,
    text: String,
    /// The lines of the recap: host, and its counts.
    recap: Vec<(String, String)>,
}

impl Play {
    fn of(playbook: &str, output: &Output) -> Play {
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &errors(output);
        let recap = text.lines().skip_while(|line| !line.starts_with("PLAY RECAP")).skip(1);
        let recap: Vec<(String, String)> =
            recap.filter_map(|line| line.split_once(':')).map(|(host, counts)| (host.trim().to_owned(), counts.to_owned())).collect();
        assert!(!recap.is_empty(), "{playbook}: {text}");
        Play { code: output.status.code(), text, recap }
    }

    fn counts(&self, host: &str, name: &str) -> u32 {
        let counts =
            self.recap.iter().find(|(named, _)| named == host).map(|(_, counts)| counts).unwrap_or_else(|| panic!("{host}: {}", self.text));
        let count = counts.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        count.unwrap().parse().unwrap()
    }

    fn succeeded(self) -> Play {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self
    }

    fn changed_nothing(&self) {
        for (host, counts) in &self.recap {
            assert_eq!(self.counts(host, "changed"), 0, "{host} {counts}: {}", self.text);
        }
    }
}

/// When the first and the last measurement of a run ended.
fn span(run: &Path) -> (String, String) {
    let times = program::records(run).iter().map(|record| record["time"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    (times.iter().min().unwrap().clone(), times.iter().max().unwrap().clone())
}

fn only_run(of: &Path) -> PathBuf {
    let runs: Vec<PathBuf> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    run.clone()
}

#[test]
fn three_testbeds_are_prepared_measured_judged_and_left_as_they_were() {
    let Some(python) = ansible() else { return };
    let pages = huge_pages();
    let _put_back = HugePages(pages);
    let mut fleet = Fleet::up(python);
    // A file that is in the way is put back.
    fleet.hosts[5].write(OWN_PROGRAM, "of the user");
    let before: Vec<Vec<String>> = fleet.hosts.iter().map(Host::changed).collect();

    let check = fleet.play("install", &["--check", "--limit", "*-a-cpu:desk"]).succeeded();
    assert!(check.recap.iter().all(|(host, _)| check.counts(host, "changed") > 0), "{}", check.text);
    let is_as_before =
        |fleet: &Fleet| fleet.hosts.iter().zip(&before).for_each(|(host, before)| assert_eq!(host.changed(), *before, "{}", host.name));
    is_as_before(&fleet);
    assert!(!fleet.path("desk").exists());

    fleet.play("install", &[]).succeeded();
    assert_eq!(huge_pages(), pages + 4);
    for host in &fleet.hosts {
        let state: Value = serde_json::from_str(&host.text("/var/lib/linerate/ansible/state.json").unwrap()).unwrap();
        let has =
            |kind: &str, key: &str, value: &str| state["changes"].as_array().unwrap().iter().any(|c| c["kind"] == kind && c[key] == value);
        match &host.name[..5] {
            "rack1" => assert!(has("package", "name", "linerate"), "{state}"),
            SLOW => {
                assert!(has("file", "path", "/opt/linerate/bin/linerate") && has("file", "path", "/etc/security/limits.d/60-linerate.conf"))
            }
            _ => assert!(has("file", "path", "/usr/local/bin/linerate"), "{state}"),
        }
    }
    fleet.play("install", &[]).succeeded().changed_nothing();
    fleet.play("doctor", &[]).succeeded().changed_nothing();

    fleet.hosts[5].fall_silent();
    let (run, refused) = std::thread::scope(|scope| {
        let second = scope.spawn(|| fleet.second_run());
        (fleet.play("run", &[]), second.join().unwrap())
    });
    assert!(refused.contains("another run of linerate measures on interface test0"), "{refused}");
    assert!(!fleet.path("second").exists());
    assert_eq!(run.code, Some(2), "{}", run.text);
    assert_eq!(RACKS.map(|rack| run.counts(&format!("testbed-{rack}"), "failed")), [0, 0, 1], "{}", run.text);
    assert!(run.text.contains("rack3-b-cpu"), "{}", run.text);
    fleet.play("collect", &[]).succeeded();
    let runs = fleet.path("collected/runs");
    let [first, second] = ["rack1", SLOW].map(|rack| span(&only_run(&runs.join(rack))));
    assert!(first.0 < second.1 && second.0 < first.1, "testbeds run in parallel: {first:?} {second:?}");

    let report = fs::read_to_string(fleet.path("collected/fleet/fleet.md")).unwrap();
    eprintln!("{}", report.lines().take(12).collect::<Vec<_>>().join("\n"));
    let output = linerate().args(["fleet", "--json"]).arg(&runs).output().unwrap();
    let judged = json(&output.stdout);
    let findings: Vec<&str> = judged["findings"].as_array().unwrap().iter().map(|finding| finding.as_str().unwrap()).collect();
    let of = |rack: &str| findings.iter().find(|finding| finding.starts_with(rack)).unwrap_or_else(|| panic!("{rack}: {findings:?}"));
    let odd = &judged["fleet"]["odd"][0];
    // The acknowledgements of the other direction cross the slow link: that direction may differ a little, too, and halve the median.
    assert!(of(SLOW).contains("worse by") && (0.45..0.55).contains(&odd["extreme"]["ratio"].as_f64().unwrap()), "{odd}");
    assert!(of(SILENT).contains("nothing was measured: endpoint rack3-b-cpu"), "{findings:?}");
    for rack in [SLOW, SILENT] {
        assert!(report.contains(of(rack)), "{rack}: {report}");
    }

    let keys = Keys { folder: fleet.path("keys") };
    fleet.hosts[5].listen(&keys);
    fleet.play("uninstall", &["-e", "linerate_remove_results=true"]).succeeded();
    is_as_before(&fleet);
    assert_eq!(fleet.hosts[5].text(OWN_PROGRAM).as_deref(), Some("of the user"));
    for host in &fleet.hosts {
        let packages = host.text("/var/lib/dpkg/status").unwrap();
        assert!(!packages.contains("\nPackage: linerate\n"), "{}", host.name);
    }
    assert_eq!(huge_pages(), pages);
    assert!(!fleet.path("desk").exists());
    fleet.play("uninstall", &[]).succeeded().changed_nothing();
}
