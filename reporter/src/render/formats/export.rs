use super::export_cdm::ExportCdm;
use super::export_csit::ExportCsit;
use super::{Exporter, Report};

/// A run in the format of another project. It is written when it is asked for, because few readers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Crucible's common data model.
    Cdm,
    /// CSIT's result model.
    Csit,
}

impl Export {
    /// Every export.
    pub const ALL: [Export; 2] = [Export::Cdm, Export::Csit];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Export::Cdm => "cdm",
            Export::Csit => "csit",
        }
    }

    /// What writes it.
    pub(in crate::render) fn exporter(self) -> &'static dyn for<'a> Exporter<Report<'a>> {
        match self {
            Export::Cdm => &ExportCdm,
            Export::Csit => &ExportCsit,
        }
    }
}
