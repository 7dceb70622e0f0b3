//! The SmartNIC endpoints of the systems of a pair, by the convention of names: `a-dpu` is the SmartNIC of `a-cpu`.

use reporter::record::{EndpointId, Pair};

use super::model::{KernelEndpoint, Testbed, TestbedError};

impl Testbed {
    /// The SmartNIC endpoints of both systems: that of the sender's, then that of the receiver's.
    ///
    /// # Errors
    /// An end of the pair is not a host, both are in one system, or a system has no SmartNIC with an address.
    pub fn smartnics(&self, pair: &Pair) -> Result<[KernelEndpoint<'_>; 2], TestbedError> {
        let refuse = |why: String| TestbedError::NoSmartNic { pair: pair.clone(), why };
        if pair.is_within_one_system() {
            return Err(refuse("both ends are in one system".to_owned()));
        }
        let of = |host: &EndpointId| {
            if host.kind() != "cpu" {
                return Err(refuse(format!("{host} is not the `cpu` endpoint of a system")));
            }
            let known = self.endpoints.iter().find(|other| other.id.system() == host.system() && other.id.kind() == "dpu");
            match known {
                Some(dpu) => self.kernel_endpoint(&dpu.id),
                None => Err(refuse(format!("the testbed has no endpoint `{}-dpu`", host.system()))),
            }
        };
        Ok([of(&pair.from)?, of(&pair.to)?])
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_host_has_the_smartnic_of_its_own_system() {
        let testbed = Testbed::of_planned_lab(Path::new("/nonexistent/linerate"));
        let found = |pair: &str| testbed.smartnics(&pair.parse().unwrap()).map(|both| both.map(|one| one.id.to_string()));
        assert_eq!(found("a-cpu:b-cpu").unwrap(), ["a-dpu", "b-dpu"]);
        assert_eq!(found("b-cpu:a-cpu").unwrap(), ["b-dpu", "a-dpu"]);
        for (pair, why) in [("a-cpu:a-dpu", "one system"), ("a-cpu:b-dpu", "b-dpu is not the `cpu` endpoint")] {
            let refused = found(pair).unwrap_err().to_string();
            assert!(refused.contains(why) && refused.contains("tls-at"), "{refused}");
        }
    }
}
