/// Away from the tools' own ports, so that a server someone else left running is not measured by mistake.
pub(in crate::conductor) const PORT: u16 = 15_201;
