//! The shared reporter: record format, archive, kernel-tool parsers, analysis and rendering.
