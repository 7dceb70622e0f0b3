//! Two or four machines that are reached over ssh only: a namespace each, with an OpenSSH server of its own, a management link to the namespace where
//! linerate is started, and a data link between them. Keys, names and settings are the test's own. Needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::veth::ip;
use super::{Background, wait_for};

/// The interface of the data link at either machine.
pub const DATA: &str = "data0";
/// The interface of the management link at either machine.
pub const MANAGEMENT: &str = "mgmt0";

/// The folder for temporary files of all machines.
const TEMPORARY: &str = "tmp-machines";

/// Beds in which rates or times are judged have the machine for themselves. Faults are injected in several at a time: those tests wait more than they
/// measure.
static MACHINE: RwLock<()> = RwLock::new(());

/// Letter and endpoint of each machine.
const TWO: [(&str, &str); 2] = [("a", "a-cpu"), ("b", "b-cpu")];
const FOUR: [(&str, &str); 4] = [("a", "a-cpu"), ("b", "b-cpu"), ("c", "a-dpu"), ("d", "b-dpu")];

/// What a bed has of the machine on which the tests run.
enum Use {
    Alone { _guard: RwLockWriteGuard<'static, ()> },
    Shared { _guard: RwLockReadGuard<'static, ()> },
}

/// One of the machines.
pub struct Machine {
    /// A letter.
    pub name: &'static str,
    /// Its endpoint's name in testbeds.
    pub endpoint: &'static str,
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

    /// A command in its namespace, started without ssh.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).args(words);
        command
    }

    /// Process IDs and command lines of the processes in it, without those of sshd.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let all = pids(&self.namespace).into_iter().map(|pid| (pid, command_line(pid)));
        all.filter(|(_, command)| !command.is_empty() && !command.contains("sshd")).collect()
    }

    /// Process IDs of the agents in it, the oldest first.
    pub fn agents(&self) -> Vec<u32> {
        let mut agents: Vec<u32> = self.processes().into_iter().map(|(pid, _)| pid).filter(|pid| is_linerate(*pid)).collect();
        agents.sort_by_key(|pid| started(*pid));
        agents
    }

    /// The process whose command line contains these words, if it runs.
    pub fn process(&self, words: &str) -> Option<u32> {
        self.processes().into_iter().find(|(_, command)| command.contains(words)).map(|(pid, _)| pid)
    }

    /// Sets one of its links up or down.
    pub fn link(&self, interface: &str, state: &str) {
        ip(&["-n", &self.namespace, "link", "set", interface, state]);
    }

    fn wait_for_sshd(&self) {
        wait_for("sshd", Duration::from_secs(20), || listens(&self.namespace, 22));
    }
}

/// The machines, and the place where linerate is started.
pub struct Bed {
    pub a: Machine,
    pub b: Machine,
    /// The others, where there are four.
    more: Vec<Machine>,
    controller: String,
    /// The namespace of the bridge that joins four machines.
    switch: Option<String>,
    folder: TempDir,
    /// Programs that come first on the PATH of each machine.
    pub programs: PathBuf,
    // Dropped last.
    _use: Use,
}

impl Bed {
    /// One that nothing else of this process runs beside. `name` tells it from others of this process.
    pub fn up(name: &str) -> Bed {
        let guard = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Bed::make(name, &TWO, "", Use::Alone { _guard: guard })
    }

    /// Two systems of two endpoints each, every endpoint a machine of its own, joined by a bridge.
    pub fn of_four(name: &str) -> Bed {
        let guard = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Bed::make(name, &FOUR, "", Use::Alone { _guard: guard })
    }

    /// One for a fault, beside others.
    pub fn shared(name: &str) -> Bed {
        Bed::shared_without(name, "")
    }

    /// The same with machines on which a program is not installed: its file is hidden from them.
    pub fn shared_without(name: &str, hidden: &str) -> Bed {
        let guard = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        Bed::make(name, &TWO, hidden, Use::Shared { _guard: guard })
    }

    fn make(name: &str, machines: &[(&'static str, &'static str)], hidden: &str, share: Use) -> Bed {
        fs::create_dir_all("/run/sshd").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let namespace = |role: &str| format!("lrt-{name}-{role}-{}", std::process::id());
        let controller = namespace("ctl");
        let namespaces: Vec<String> = machines.iter().map(|(letter, _)| namespace(letter)).collect();
        let switch = (machines.len() > 2).then(|| namespace("sw"));
        for one in namespaces.iter().chain([&controller]).chain(&switch) {
            ip(&["netns", "add", one]);
            ip(&["-n", one, "link", "set", "lo", "up"]);
            // No neighbour discovery among the test frames.
            ip(&["netns", "exec", one, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]);
        }
        match &switch {
            None => drop(ip(&["-n", &namespaces[0], "link", "add", DATA, "type", "veth", "peer", "name", DATA, "netns", &namespaces[1]])),
            Some(switch) => {
                ip(&["-n", switch, "link", "add", "bridge", "up", "type", "bridge"]);
                for (number, one) in namespaces.iter().enumerate() {
                    let port = format!("port-{number}");
                    ip(&["-n", one, "link", "add", DATA, "type", "veth", "peer", "name", &port, "netns", switch]);
                    ip(&["-n", switch, "link", "set", &port, "up", "master", "bridge"]);
                }
            }
        }
        for (one, number) in namespaces.iter().zip(1..) {
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
        for key in ["user", "stranger"] {
            make_key(&folder.path().join(key));
        }
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for temporary in ["tmp", TEMPORARY] {
            fs::create_dir(folder.path().join(temporary)).unwrap();
        }
        let mut known = String::new();
        let mut made = machines.iter().zip(namespaces).zip(1..).map(|((&(name, endpoint), namespace), number)| {
            let host = format!("192.0.2.{}", number * 4 + 2);
            make_key(&folder.path().join(format!("host-{name}")));
            let key = fs::read_to_string(folder.path().join(format!("host-{name}.pub"))).unwrap();
            known += &format!("{host} {key}");
            let log = folder.path().join(format!("sshd-{name}.log"));
            let server = server(&namespace, &host, folder.path(), name, &log, hidden);
            Machine { name, endpoint, namespace, host, address: format!("198.18.9.{number}"), log, server }
        });
        let (a, b) = (made.next().unwrap(), made.next().unwrap());
        let more = made.collect();
        fs::write(folder.path().join("known"), known).unwrap();
        let bed = Bed { a, b, more, controller, switch, folder, programs, _use: share };
        bed.write_ssh_config("user", "known");
        bed.machines().for_each(Machine::wait_for_sshd);
        bed
    }

    /// All machines.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        [&self.a, &self.b].into_iter().chain(&self.more)
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

    /// A testbed of the machines. `more` has further keys of each endpoint.
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
        for (machine, number) in self.machines().zip(0..) {
            // Two endpoints of one machine cannot have one CPU, and four are more than a small machine has.
            let cpu = if self.more.is_empty() { format!("cpu = {number}\n") } else { String::new() };
            text += &format!("\n[[endpoint]]\nid = \"{}\"\n{cpu}{}\n", machine.endpoint, keys(machine));
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

    /// Everything that a run leaves somewhere: processes at both machines, connections of ssh, sockets, locks and temporary files.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for machine in self.machines() {
            left.extend(machine.processes().into_iter().map(|(pid, command)| format!("{}: process {pid}: {command}", machine.name)));
            let free = machine.command(&["flock", "-n", &format!("/sys/class/net/{DATA}"), "true"]).status().unwrap();
            if !free.success() {
                left.push(format!("{}: {DATA} is claimed", machine.name));
            }
        }
        for temporary in ["tmp", TEMPORARY] {
            left.extend(fs::read_dir(self.path(temporary)).unwrap().flatten().map(|entry| entry.path().display().to_string()));
        }
        left.extend(pids(&self.controller).into_iter().map(|pid| format!("controller: process {pid}: {}", command_line(pid))));
        left
    }

    /// What is in the folder for temporary files of the machines.
    pub fn temporary_files(&self) -> usize {
        fs::read_dir(self.path(TEMPORARY)).unwrap().count()
    }

    /// The process of linerate that runs now, and not the programs that it started.
    pub fn controller_process(&self) -> Option<u32> {
        pids(&self.controller).into_iter().find(|pid| is_linerate(*pid))
    }

    /// Kills every process of b, its ssh server too, as a power failure does: no process can close its connections.
    pub fn power_off_b(&mut self) {
        self.b.link(MANAGEMENT, "down");
        let _ = self.b.server.kill();
        let _ = self.b.server.wait();
        kill_all(&self.b.namespace);
        self.b.link(MANAGEMENT, "up");
    }

    /// Starts its ssh server again.
    pub fn power_on_b(&mut self) {
        self.b.server = server(&self.b.namespace, &self.b.host, self.folder.path(), "b", &self.b.log, "");
        self.b.wait_for_sshd();
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
        for machine in [&mut self.a, &mut self.b].into_iter().chain(&mut self.more) {
            let _ = machine.server.kill();
            let _ = machine.server.wait();
        }
        let machines = self.machines().map(|machine| &machine.namespace);
        for namespace in machines.chain([&self.controller]).chain(&self.switch) {
            kill_all(namespace);
            let _ = Command::new("ip").args(["netns", "delete", namespace]).status();
        }
    }
}

/// The processes in a namespace.
fn pids(namespace: &str) -> Vec<u32> {
    let output = Command::new("ip").args(["netns", "pids", namespace]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ").trim().to_owned()
}

/// When a process was started, in ticks since boot: `starttime` of proc_pid_stat(5). Process IDs start again at low numbers, so they do not tell.
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after_name.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).unwrap_or(u64::MAX)
}

/// Whether a process runs the program under test.
fn is_linerate(pid: u32) -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_linerate")).canonicalize().unwrap();
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
}

/// Kills the processes in a namespace, which is this test's own.
fn kill_all(namespace: &str) {
    for pid in pids(namespace) {
        let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
    }
}

/// Whether a TCP server listens on a port in a namespace.
pub fn listens(namespace: &str, port: u16) -> bool {
    !ip(&["netns", "exec", namespace, "ss", "-Hlnt", &format!("sport = :{port}")]).is_empty()
}

/// Makes a key pair: `file` and `file.pub`.
pub fn make_key(file: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).status().unwrap();
    assert!(made.success());
}

/// An sshd in the foreground that writes its log to standard error, with keys and settings of the test.
pub fn sshd(address: &str, host_key: &Path, user_key: &Path, more: &[String]) -> Vec<String> {
    let options = [
        format!("ListenAddress={address}"),
        format!("HostKey={}", host_key.display()),
        format!("AuthorizedKeysFile={}", user_key.display()),
        "PidFile=none".to_owned(),
        "StrictModes=no".to_owned(),
        "UsePAM=no".to_owned(),
    ];
    let options = options.iter().chain(more).flat_map(|option| ["-o".to_owned(), option.clone()]);
    ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null"].map(str::to_owned).into_iter().chain(options).collect()
}

fn server(namespace: &str, host: &str, folder: &Path, name: &str, log: &Path, hidden: &str) -> Child {
    let programs = folder.join("programs");
    let path = format!(
        "SetEnv=PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR={}",
        programs.display(),
        folder.join(TEMPORARY).display()
    );
    let sshd = sshd(host, &folder.join(format!("host-{name}")), &folder.join("user.pub"), &[path, "PermitRootLogin=yes".to_owned()]);
    let mut command = Command::new("ip");
    // `ip netns exec` gives each server a mount namespace of its own.
    let start = r#"[ -z "$0" ] || mount --bind /dev/null "$0"; exec "$@""#;
    command.args(["netns", "exec", namespace, "sh", "-c", start, hidden]).args(sshd);
    let log = fs::File::options().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}
