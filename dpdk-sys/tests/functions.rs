//! The callers that the build script writes for bindgen's declarations.

#![allow(clippy::unwrap_used, reason = "in tests a failed unwrap is the failed assertion")]

#[path = "../build/functions.rs"]
mod functions;

/// Where rustfmt is not installed, bindgen writes one long line with a space between all words.
#[test]
fn declarations_are_read_with_and_without_rustfmt() {
    let formatted = "unsafe extern \"C\" {\n    pub fn rte_version() -> *const c_char;\n}\n\
                     unsafe extern \"C\" {\n    pub fn lr_burst(port: u16, done: Option<extern \"C\" fn(a: u8, b: u8)>) -> u16;\n}\n";
    let bare = "unsafe extern \"C\" { pub fn rte_version () -> * const c_char ; } \
                unsafe extern \"C\" { pub fn lr_burst (port : u16 , done : Option < extern \"C\" fn (a : u8 , b : u8) >) -> u16 ; }";
    for bindings in [formatted, bare] {
        let written = functions::look_up_at_run_time(bindings).unwrap();
        assert!(written.contains("c\"rte_version\",") && written.contains("c\"lr_burst\","), "{written}");
        assert!(written.contains("unsafe extern \"C\" fn lr_burst(port") && written.contains("function(port, done)"), "{written}");
        assert!(!written.contains("pub fn"), "{written}");
    }
    assert!(
        functions::look_up_at_run_time("extern \"C\" { pub static X: u8; }").unwrap_err().contains("not the declaration of a function")
    );
}
