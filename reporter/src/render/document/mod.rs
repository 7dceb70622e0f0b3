//! What a report is made of: a page of sections with figures and tables. Types only; `formats` writes them down.

mod page;
mod section;
mod table;

pub use page::Page;
pub use section::Section;
pub use table::{CaptionedTable, Table};
