/// A table with a header. The first column names the row; the others are numbers.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// One text a column.
    pub header: Vec<String>,
    /// One text a column.
    pub rows: Vec<Vec<String>>,
}

/// A table with its caption.
#[derive(Debug, Clone)]
pub struct CaptionedTable {
    /// What the numbers are.
    pub caption: String,
    /// The numbers.
    pub table: Table,
}

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(header: [&str; N], rows: Vec<Vec<String>>) -> Self {
        Table { header: header.map(str::to_owned).into(), rows }
    }

    /// With a caption; none where the table has no rows.
    pub fn captioned(self, caption: impl Into<String>) -> Option<CaptionedTable> {
        (!self.rows.is_empty()).then(|| CaptionedTable { caption: caption.into(), table: self })
    }
}
