use std::fmt;

/// A container or a pod in which commands run through its engine's `exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine that runs it.
    pub engine: ContainerEngine,
    /// Its name; for Kubernetes `POD` or `NAMESPACE/POD`.
    name: String,
    /// Words before each command, to run it as another user.
    pub r#become: Vec<String>,
}

/// A program that runs commands in containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEngine {
    /// Podman.
    Podman,
    /// Docker.
    Docker,
    /// Kubernetes.
    Kubectl,
}

impl ContainerEngine {
    /// All of them.
    pub const ALL: [ContainerEngine; 3] = [ContainerEngine::Podman, ContainerEngine::Docker, ContainerEngine::Kubectl];

    /// Its program.
    pub const fn program(self) -> &'static str {
        match self {
            ContainerEngine::Podman => "podman",
            ContainerEngine::Docker => "docker",
            ContainerEngine::Kubectl => "kubectl",
        }
    }
}

/// The text cannot name a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a container or a pod: use letters, digits, `-`, `_` and `.`, and for Kubernetes POD or NAMESPACE/POD")]
pub struct NotAContainerName(String);

impl Container {
    /// The container of this name. A name is never read as an option of the engine.
    pub fn new(engine: ContainerEngine, name: &str) -> Result<Self, NotAContainerName> {
        let plain = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let parts: Vec<&str> = name.split('/').collect();
        let most = if engine == ContainerEngine::Kubectl { 2 } else { 1 };
        match parts.len() <= most && parts.iter().all(|part| plain(part)) {
            true => Ok(Container { engine, name: name.to_owned(), r#become: Vec::new() }),
            false => Err(NotAContainerName(name.to_owned())),
        }
    }

    /// The engine's arguments before the command. No shell reads what follows.
    pub(super) fn exec_words(&self, reads: bool) -> Vec<String> {
        let mut words = vec!["exec".to_owned()];
        if reads {
            words.push("-i".to_owned());
        }
        if self.engine == ContainerEngine::Kubectl {
            let (namespace, pod) = self.name.split_once('/').map_or((None, self.name.as_str()), |(n, pod)| (Some(n), pod));
            words.extend(namespace.into_iter().flat_map(|namespace| ["-n".to_owned(), namespace.to_owned()]));
            words.extend([pod.to_owned(), "--".to_owned()]);
        } else {
            words.push(self.name.clone());
        }
        words
    }
}

/// As it is written in `reach`.
impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.engine.program(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_word_and_a_pod_may_have_a_namespace() {
        let words = |engine, name: &str| Container::new(engine, name).map(|container| container.exec_words(true).join(" "));
        assert_eq!(words(ContainerEngine::Podman, "dpu-1").unwrap(), "exec -i dpu-1");
        assert_eq!(words(ContainerEngine::Kubectl, "bench/pod-0").unwrap(), "exec -i -n bench pod-0 --");
        for bad in ["", "-it", "a b", "a/b", "$(x)"] {
            assert!(Container::new(ContainerEngine::Docker, bad).is_err(), "{bad}");
        }
        assert!(Container::new(ContainerEngine::Kubectl, "a/b/c").is_err());
    }
}
