//! Hosts that an ssh client cannot tell from machines: each has a network namespace, a file system of its own over that of this machine, and an sshd.
//! Needs root.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::sshd::{listens, make_key, sshd};
use super::veth::ip;
use super::{Background, wait_for};

/// Makes the file system and becomes the program that is given. `$1/upper` then holds every file that was changed.
const ENTER: &str = r#"
set -e
place=$1; shift
mount -t tmpfs none "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay none -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$place/root"
for kept in sys dev; do mount --rbind "/$kept" "$place/root/$kept"; done
mount -t proc none "$place/root/proc"
mount -t tmpfs none "$place/root/run"
mkdir "$place/root/run/sshd"
exec chroot "$place/root" "$@"
"#;

/// Folders that package managers and logins write to. Paths below them are not compared.
const UNCOMPARED: [&str; 4] = ["/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log"];

/// Keys and settings of ssh that all hosts of a test share.
pub struct Keys {
    pub folder: PathBuf,
}

impl Keys {
    pub fn make(folder: PathBuf) -> Keys {
        std::fs::create_dir_all(&folder).unwrap();
        let keys = Keys { folder };
        for key in ["host", "user"] {
            make_key(&keys.file(key));
        }
        let config = format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n",
            keys.file("user").display(),
            keys.file("known").display()
        );
        std::fs::write(keys.config(), config).unwrap();
        keys
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file for `ssh -F`.
    pub fn config(&self) -> PathBuf {
        self.file("config")
    }
}

/// A host. Its namespace exists until this is dropped.
pub struct Host {
    pub name: String,
    pub address: String,
    pub namespace: String,
    place: PathBuf,
    /// Holds the file system; sshd runs in its namespaces.
    holder: Background,
    sshd: Option<Background>,
}

impl Host {
    /// Starts a host whose namespace exists.
    pub fn start(name: &str, namespace: &str, address: &str, folder: &Path) -> Host {
        let place = folder.join(name);
        std::fs::create_dir_all(&place).unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, "unshare", "--mount", "sh", "-c", ENTER, "sh"]).arg(&place);
        command.args(["sh", "-c", "echo ready >&2; exec sleep 3600"]);
        let holder = Background::start(command);
        holder.wait_for_words("ready", Duration::from_secs(20));
        Host { name: name.to_owned(), address: address.to_owned(), namespace: namespace.to_owned(), place, holder, sshd: None }
    }

    fn command(&self, chroot: bool) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "-t", &self.holder.pid().to_string()]);
        if chroot {
            command.arg("chroot").arg(self.place.join("root"));
        }
        command
    }

    /// Starts its sshd.
    pub fn listen(&mut self, keys: &Keys) {
        let mut command = self.command(true);
        let more = ["MaxStartups=100", "Subsystem=sftp internal-sftp"].map(str::to_owned);
        command.args(sshd(&self.address, &keys.file("host"), &keys.file("user.pub"), &more));
        let sshd = Background::start(command);
        sshd.wait_for_words("Server listening", Duration::from_secs(20));
        self.sshd = Some(sshd);
    }

    /// Ends its sshd: nothing can reach it from then on.
    pub fn fall_silent(&mut self) {
        self.sshd = None;
        wait_for("the end of sshd", Duration::from_secs(10), || !listens(&self.namespace, 22));
    }

    /// The text of a file of this host.
    pub fn text(&self, path: &str) -> Option<String> {
        let output = self.run(&["cat", path], &[]);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Runs a program of this host.
    pub fn run(&self, words: &[&str], environment: &[(&str, &str)]) -> Output {
        self.command(true).args(words).envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
    }

    /// Writes a file of this host.
    pub fn write(&self, path: &str, text: &str) {
        let written = self.run(&["sh", "-c", "printf %s \"$2\" >\"$1\"", "sh", path, text], &[]);
        assert!(written.status.success(), "{path}");
    }

    /// Every file and folder that was changed, added or removed on this host, compared with this machine.
    pub fn changed(&self) -> Vec<String> {
        let upper = self.place.join("upper");
        let found = self.command(false).arg("find").arg(&upper).args(["-mindepth", "1", "-printf", "%y /%P\\n"]).output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let text = String::from_utf8(found.stdout).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        // A folder is also listed if a file in it was made and removed again.
        let new = lines.filter(|(kind, path)| *kind != "d" || !Path::new(path).is_dir()).map(|(_, path)| path);
        new.filter(|path| !UNCOMPARED.iter().any(|folder| path.starts_with(folder))).map(str::to_owned).collect()
    }
}

/// A namespace with an address on a shared network; gone when this is dropped.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    pub fn add(name: &str) -> Namespace {
        let namespace = Namespace { name: format!("lrt-{name}-{}", std::process::id()) };
        ip(&["netns", "add", &namespace.name]);
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"]);
        namespace
    }

    /// A command in it, without output.
    pub fn run(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        let status = Command::new("ip").args(["netns", "exec", &self.name]).args(&words).stdin(Stdio::null()).status().unwrap();
        assert!(status.success(), "{words:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
