//! A real OpenSSH server in one namespace of a lab, and its client in another. Keys and settings are the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a failed unwrap is the failed assertion")]

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testbed::lab::{Lab, LabOptions};
use testbed::process::{Child, CommandSpec, Input, Location, ProcessError, SshTarget, find_program, run, spawn};

struct Server {
    // Dropped in this order: the server ends before its namespace goes.
    _sshd: Child,
    _lab: Lab,
    _keys: TempDir,
    target: SshTarget,
}

impl Server {
    fn start() -> Self {
        // Where sshd confines itself before a user is known; the Debian service makes it at its start.
        fs::create_dir_all("/run/sshd").unwrap();
        let lab = Lab::up(LabOptions::default()).unwrap();
        let (near, far) = (lab.endpoints()[0].clone(), lab.endpoints()[2].clone());
        let keys = tempfile::tempdir().unwrap();
        let at = |name: &str| keys.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let made = run(&CommandSpec::new(Location::Here, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &at(key)])).unwrap();
            assert!(made.success(), "{}", made.stderr_text());
        }
        let program = find_program("sshd").expect("openssh-server is installed").display().to_string();
        let options = [
            format!("ListenAddress={}", far.address),
            format!("HostKey={}", at("host")),
            format!("AuthorizedKeysFile={}", at("user.pub")),
            "PidFile=none".to_owned(),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
        ];
        let words = [program, "-D".to_owned(), "-e".to_owned(), "-f".to_owned(), "/dev/null".to_owned()];
        let words = words.into_iter().chain(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        let sshd = spawn(&CommandSpec::new(Location::Namespace(far.namespace), words)).unwrap();
        let mut target = SshTarget::new(format!("root@{}", far.address));
        let known = format!("UserKnownHostsFile={}", at("known"));
        let options = ["-F", "none", "-i", &at("user"), "-o", &known, "-o", "StrictHostKeyChecking=accept-new"];
        target.options = options.map(str::to_owned).to_vec();
        target.from = Some(near.namespace);
        let server = Server { _sshd: sshd, _lab: lab, _keys: keys, target };
        server.wait_until_it_answers();
        server
    }

    fn command<const N: usize>(&self, words: [&str; N]) -> CommandSpec {
        CommandSpec::new(Location::Ssh(self.target.clone()), words)
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = run(&self.command(["true"])) {
            assert!(Instant::now() < deadline, "{error}; the server says: {}", self._sshd.stderr_so_far());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn commands_run_over_ssh_as_they_do_here() {
    let server = Server::start();

    let words = run(&server.command(["printf", "%s|", "it's", "$HOME", "a  b", ""])).unwrap();
    assert_eq!(words.stdout_text(), "it's|$HOME|a  b||", "no shell reads the words");

    let status = run(&server.command(["sh", "-c", "echo oops >&2; exit 3"]).on_cpu(Some(0))).unwrap();
    assert_eq!((status.status.code(), status.stderr_text().as_str()), (Some(3), "oops\n"));

    let missing = run(&server.command(["no-such-program"])).unwrap_err();
    assert!(matches!(&missing, ProcessError::MissingProgram { program, .. } if program == "no-such-program"), "{missing}");

    let hanging = run(&server.command(["sleep", "600"]).with_timeout(Duration::from_millis(500))).unwrap();
    assert!(hanging.timed_out);

    let mut agent = spawn(&server.command(["cat"]).with_stdin(Input::Piped)).unwrap();
    let (mut to, mut from) = (agent.take_stdin().unwrap(), agent.take_stdout().unwrap());
    to.write_all(b"hello\n").unwrap();
    drop(to);
    let mut answer = String::new();
    from.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello\n");
    assert!(agent.wait_timeout(Duration::from_secs(10)).unwrap().unwrap().success());
}
