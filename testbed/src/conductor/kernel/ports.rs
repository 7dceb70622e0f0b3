/// Away from the tools' own ports, so that a server someone else left running is not measured by mistake.
pub(super) const PORT: u16 = 15_201;
