//! Two machines that are reached over ssh only: a namespace each, with an OpenSSH server of its own, a management link to the namespace where linerate
//! is started, and a data link between them. Keys, names and settings are the test's own. Needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::veth::ip;
use super::{Background, wait_for};

/// The interface of the data link at either machine.
pub const DATA: &str = "data0";
/// The interface of the management link at either machine.
pub const MANAGEMENT: &str = "mgmt0";

/// One of the two machines.
pub struct Machine {
    /// `a` or `b`.
    pub name: &'static str,
    pub namespace: String,
    /// On the management link.
    pub host: String,
    /// On the data link.
    pub address: String,
    log: PathBuf,
    server: Child,
}

impl Machine {
    /// Logins since the server began.
    pub fn logins(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().lines().filter(|line| line.contains("Accepted publickey")).count()
    }

    /// A command in it, by the way of the kernel and not over ssh.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).args(words);
        command
    }

    /// Numbers and names of the processes in it, without sshd's own.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let pids = Command::new("ip").args(["netns", "pids", &self.namespace]).output().unwrap();
        let pids = String::from_utf8_lossy(&pids.stdout).into_owned();
        let command_line = |pid: u32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).replace('\0', " ").trim().to_owned()
        };
        let all = pids.split_whitespace().map(|pid| pid.parse().unwrap()).map(|pid| (pid, command_line(pid)));
        all.filter(|(_, command)| !command.is_empty() && !command.contains("sshd")).collect()
    }

    /// Numbers of the agents in it, the oldest first.
    pub fn agents(&self) -> Vec<u32> {
        let program = Path::new(env!("CARGO_BIN_EXE_linerate")).canonicalize().unwrap();
        let is_agent = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        let mut agents: Vec<u32> = self.processes().into_iter().map(|(pid, _)| pid).filter(|pid| is_agent(*pid)).collect();
        agents.sort_unstable();
        agents
    }

    /// The number of the process whose command line has these words, when it is there.
    pub fn process(&self, words: &str) -> Option<u32> {
        self.processes().into_iter().find(|(_, command)| command.contains(words)).map(|(pid, _)| pid)
    }

    /// Sets one of its links up or down.
    pub fn link(&self, interface: &str, state: &str) {
        ip(&["-n", &self.namespace, "link", "set", interface, state]);
    }
}

/// The machines, and the place where linerate is started.
pub struct Bed {
    pub a: Machine,
    pub b: Machine,
    controller: String,
    folder: TempDir,
    /// Programs that come first on the PATH of each machine.
    pub programs: PathBuf,
}

impl Bed {
    /// `name` tells it from others of this process.
    pub fn up(name: &str) -> Bed {
        Bed::up_without(name, "")
    }

    /// The same with machines on which a program is not installed: its file is hidden from them.
    pub fn up_without(name: &str, hidden: &str) -> Bed {
        fs::create_dir_all("/run/sshd").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let namespace = |role: &str| format!("lrt-{name}-{role}-{}", std::process::id());
        let (controller, a, b) = (namespace("ctl"), namespace("a"), namespace("b"));
        for one in [&controller, &a, &b] {
            ip(&["netns", "add", one]);
            ip(&["-n", one, "link", "set", "lo", "up"]);
            // No neighbour discovery among the test frames.
            ip(&["netns", "exec", one, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
        }
        ip(&["-n", &a, "link", "add", DATA, "type", "veth", "peer", "name", DATA, "netns", &b]);
        for (number, one) in [(1, &a), (2, &b)] {
            let near = format!("mgmt-{number}");
            ip(&["-n", &controller, "link", "add", &near, "type", "veth", "peer", "name", MANAGEMENT, "netns", one]);
            ip(&["-n", &controller, "address", "add", &format!("192.0.2.{}/30", number * 4 + 1), "dev", &near]);
            ip(&["-n", &controller, "link", "set", &near, "up"]);
            ip(&["-n", one, "address", "add", &format!("192.0.2.{}/30", number * 4 + 2), "dev", MANAGEMENT]);
            ip(&["-n", one, "address", "add", &format!("198.18.9.{number}/24"), "dev", DATA]);
            for interface in [MANAGEMENT, DATA] {
                ip(&["-n", one, "link", "set", interface, "up"]);
            }
        }
        for key in ["host-a", "host-b", "user", "stranger"] {
            let file = folder.path().join(key);
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).status().unwrap();
            assert!(made.success());
        }
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let mut known = String::new();
        let mut machine = |name: &'static str, namespace: String, number: u32| {
            let host = format!("192.0.2.{}", number * 4 + 2);
            let key = fs::read_to_string(folder.path().join(format!("host-{name}.pub"))).unwrap();
            known += &format!("{host} {key}");
            let log = folder.path().join(format!("sshd-{name}.log"));
            let server = server(&namespace, &host, folder.path(), name, &log, hidden);
            Machine { name, namespace, host, address: format!("198.18.9.{number}"), log, server }
        };
        let (a, b) = (machine("a", a, 1), machine("b", b, 2));
        fs::write(folder.path().join("known"), known).unwrap();
        let bed = Bed { a, b, controller, folder, programs };
        bed.write_ssh_config("user", "known");
        for machine in [&bed.a, &bed.b] {
            wait_for("sshd", Duration::from_secs(20), || {
                let listening = machine.command(&["ss", "-Hlnt", "sport = :22"]).output().unwrap();
                !listening.stdout.is_empty()
            });
        }
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The settings of ssh that the testbed's `ssh_options` name.
    pub fn write_ssh_config(&self, key: &str, known: &str) {
        let (key, known) = (self.path(key), self.path(known));
        let text = format!(
            "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n",
            key.display(),
            known.display()
        );
        fs::write(self.path("ssh_config"), text).unwrap();
    }

    /// A testbed of the two machines. `more` has further keys of each endpoint.
    pub fn testbed(&self, more: &str) -> PathBuf {
        let program = env!("CARGO_BIN_EXE_linerate");
        self.testbed_with(|machine| {
            format!(
                "reach = \"ssh:root@{}\"\nssh_options = [\"-F\", \"{}\"]\naddress = \"{}\"\ninterface = \"{DATA}\"\nport = \"net_af_packet0,iface={DATA}\"\nprogram = \"{program}\"\n{more}",
                machine.host,
                self.path("ssh_config").display(),
                machine.address
            )
        })
    }

    pub fn testbed_with(&self, keys: impl Fn(&Machine) -> String) -> PathBuf {
        let mut text = "name = \"two machines\"\nemulated = true\n".to_owned();
        for (machine, cpu) in [(&self.a, 0), (&self.b, 1)] {
            text += &format!("\n[[endpoint]]\nid = \"{}-cpu\"\ncpu = {cpu}\n{}\n", machine.name, keys(machine));
        }
        let file = self.path("testbed.toml");
        fs::write(&file, text).unwrap();
        file
    }

    /// A plan with these measures between a-cpu and b-cpu.
    pub fn plan(&self, measures: &[&str]) -> PathBuf {
        let mut text = "name = \"ssh\"\nsizes = [64]\npairs = [\"a-cpu:b-cpu\"]\n".to_owned();
        text.extend(measures.iter().map(|measure| format!("\n[[measure]]\n{measure}\n")));
        let file = self.path("plan.toml");
        fs::write(&file, text).unwrap();
        file
    }

    /// linerate, where it reaches the machines over the management links only.
    pub fn linerate(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.controller, env!("CARGO_BIN_EXE_linerate")]).args(arguments);
        // The keys are those of the test, and not of the user who started it with sudo.
        command
            .env_remove("SUDO_UID")
            .env_remove("SSH_CONNECTION")
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        command
    }

    /// `linerate run` of a testbed and a plan into a folder.
    pub fn run(&self, testbed: &Path, plan: &Path, out: &str) -> Command {
        let (testbed, plan) = (testbed.display().to_string(), plan.display().to_string());
        self.linerate(&["run", "--testbed", &testbed, "--plan", &plan, "--out", out])
    }

    /// The same in the background.
    pub fn start(&self, testbed: &Path, plan: &Path, out: &str) -> Background {
        Background::start(self.run(testbed, plan, out))
    }

    /// Continues a run.
    pub fn resume(&self, out: &str) -> Output {
        self.linerate(&["run", "--resume", out]).output().unwrap()
    }

    /// Everything that a run leaves somewhere: processes at both machines, connections of ssh, sockets and locks.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for machine in [&self.a, &self.b] {
            left.extend(machine.processes().into_iter().map(|(pid, command)| format!("{}: process {pid}: {command}", machine.name)));
            let free = machine.command(&["flock", "-n", &format!("/sys/class/net/{DATA}"), "true"]).status().unwrap();
            if !free.success() {
                left.push(format!("{}: {DATA} is claimed", machine.name));
            }
        }
        let temporary = fs::read_dir(self.path("tmp")).unwrap().flatten().map(|entry| entry.path().display().to_string());
        left.extend(temporary);
        let pids = Command::new("ip").args(["netns", "pids", &self.controller]).output().unwrap();
        let pids = String::from_utf8_lossy(&pids.stdout).into_owned();
        left.extend(pids.split_whitespace().map(|pid| {
            format!(
                "controller: process {pid}: {}",
                fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ")
            )
        }));
        left
    }

    /// The process of linerate that runs now, and not the programs that it started.
    pub fn controller_process(&self) -> Option<u32> {
        let pids = Command::new("ip").args(["netns", "pids", &self.controller]).output().unwrap();
        let pids = String::from_utf8_lossy(&pids.stdout).into_owned();
        let program = Path::new(env!("CARGO_BIN_EXE_linerate")).canonicalize().unwrap();
        pids.split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .find(|pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
    }

    /// Ends everything at b at once, its ssh server too, as a machine does that loses its power: nobody says goodbye.
    pub fn power_off_b(&mut self) {
        self.b.link(MANAGEMENT, "down");
        let _ = self.b.server.kill();
        let _ = self.b.server.wait();
        self.kill_all(&self.b.namespace);
        self.b.link(MANAGEMENT, "up");
    }

    /// Starts its ssh server again.
    pub fn power_on_b(&mut self) {
        self.b.server = server(&self.b.namespace, &self.b.host, self.folder.path(), "b", &self.b.log, "");
        wait_for("sshd", Duration::from_secs(20), || !self.b.command(&["ss", "-Hlnt", "sport = :22"]).output().unwrap().stdout.is_empty());
    }

    fn kill_all(&self, namespace: &str) {
        let pids = Command::new("ip").args(["netns", "pids", namespace]).output().unwrap();
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            // In a namespace of this test alone.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.parse().unwrap()), nix::sys::signal::Signal::SIGKILL);
        }
    }

    /// Nothing is left at any machine within ten seconds.
    pub fn is_clean_within_10_s(&self) {
        let begin = std::time::Instant::now();
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "left after 10 s: {left:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for machine in [&mut self.a, &mut self.b] {
            let _ = machine.server.kill();
            let _ = machine.server.wait();
        }
        for namespace in [&self.controller, &self.a.namespace, &self.b.namespace] {
            self.kill_all(namespace);
            let _ = Command::new("ip").args(["netns", "delete", namespace]).status();
        }
    }
}

fn server(namespace: &str, host: &str, folder: &Path, name: &str, log: &Path, hidden: &str) -> Child {
    let at = |file: &str| folder.join(file).display().to_string();
    let programs = folder.join("programs");
    let options = [
        format!("ListenAddress={host}"),
        format!("HostKey={}", at(&format!("host-{name}"))),
        format!("AuthorizedKeysFile={}", at("user.pub")),
        format!("SetEnv=PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", programs.display()),
        "PidFile=none".to_owned(),
        "StrictModes=no".to_owned(),
        "UsePAM=no".to_owned(),
        "PermitRootLogin=yes".to_owned(),
    ];
    let mut command = Command::new("ip");
    // `ip netns exec` gives each server a mount namespace of its own.
    let start = r#"[ -z "$0" ] || mount --bind /dev/null "$0"; exec "$@""#;
    command.args(["netns", "exec", namespace, "sh", "-c", start, hidden, "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null"]);
    command.args(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
    let log = fs::File::options().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}
