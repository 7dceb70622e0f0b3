/// Options of ssh(1) without a value that are allowed in `ssh_options`.
const FLAGS: &str = "46AaCKkqvx";

/// Options of ssh(1) with a value that are allowed in `ssh_options`.
const WITH_VALUE: &str = "bBcFiIJlmop";

/// An argument that is not allowed in `ssh_options`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshOptionError {
    /// Not an option.
    #[error("ssh_options: `{0}` is not an option of ssh; write each word as an element, such as [\"-i\", \"key\", \"-J\", \"jump-host\"]")]
    NotAnOption(String),
    /// An option that changes what a connection is for.
    #[error("ssh_options: `{}` cannot be used here; use one of {}", .0, allowed())]
    NotPossible(String),
    /// The value is missing.
    #[error("ssh_options: `{0}` needs a value, as the next element")]
    NoValue(String),
}

fn allowed() -> String {
    FLAGS.chars().chain(WITH_VALUE.chars()).map(|letter| format!("-{letter}")).collect::<Vec<_>>().join(" ")
}

/// Checks that the arguments are options of ssh, and not a host or a command. Options that would change what the connection is for (a terminal,
/// forwarding, the background) are refused.
pub fn check_ssh_options(options: &[String]) -> Result<(), SshOptionError> {
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let mut letters =
            word.strip_prefix('-').filter(|rest| !rest.is_empty()).ok_or_else(|| SshOptionError::NotAnOption(word.clone()))?.chars();
        while let Some(letter) = letters.next() {
            if FLAGS.contains(letter) {
                continue;
            }
            if !WITH_VALUE.contains(letter) {
                return Err(SshOptionError::NotPossible(word.clone()));
            }
            if letters.as_str().is_empty() && words.next().is_none() {
                return Err(SshOptionError::NoValue(word.clone()));
            }
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_from_hosts_and_commands() {
        let check = |words: &[&str]| check_ssh_options(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(check(&["-i", "key", "-4Cp2222", "-oStrictHostKeyChecking=yes", "-J", "jump"]), Ok(()));
        assert!(matches!(check(&["host"]), Err(SshOptionError::NotAnOption(_))));
        assert!(matches!(check(&["-4", "host"]), Err(SshOptionError::NotAnOption(_))));
        assert!(matches!(check(&["-o"]), Err(SshOptionError::NoValue(_))));
        for forbidden in ["-t", "-f", "-L", "-W", "--", "-S"] {
            assert!(matches!(check(&[forbidden, "x"]), Err(SshOptionError::NotPossible(_))), "{forbidden}");
        }
    }
}
