#!/usr/bin/env python3
"""Proves that scripts/check-layers finds what it must find, on a small workspace with one fault planted at a time."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parent.parent / "check-layers"

LAYERS = """
[wire] without dpdk
  pure: units
  frame
  engine
  not_there_yet
  lib.rs
[dpdk-sys]
  lib.rs
"""

# A clean house. `frame` has a facade: its mod.rs declares and re-exports, its children import each other through it.
CLEAN = {
    "Cargo.toml": '[workspace]\nresolver = "3"\nmembers = ["wire", "dpdk-sys"]\n',
    "wire/Cargo.toml": '[package]\nname = "wire"\nversion = "0.1.0"\nedition = "2024"\n',
    "dpdk-sys/Cargo.toml": '[package]\nname = "dpdk-sys"\nversion = "0.1.0"\nedition = "2024"\n',
    "dpdk-sys/src/lib.rs": "pub fn raw() {}\n",
    "wire/src/lib.rs": "pub mod engine;\npub mod frame;\npub mod units;\npub use engine::Engine;\n",
    "wire/src/units.rs": "pub struct Rate;\npub struct Size;\n",
    "wire/src/frame/mod.rs": "mod header;\nmod layout;\npub use header::Header;\npub use layout::Layout;\npub const LIMIT: usize = 9;\n",
    "wire/src/frame/header.rs": "use super::Layout;\nuse crate::units::Size;\npub struct Header(Layout, Size);\n",
    "wire/src/frame/layout.rs": "pub struct Layout([u8; super::LIMIT]);\n",
    "wire/src/engine/mod.rs": "mod run;\npub use run::Engine;\n",
    "wire/src/engine/run.rs": "use crate::{frame::Header, units::Rate};\npub struct Engine(Header, Rate);\n",
}


class CheckLayers(unittest.TestCase):
    def check(self, changes=None, layers=LAYERS):
        """The exit code and the text for the clean house with `changes` (path → whole text, or None for the text as it was)."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**CLEAN, **(changes or {})}.items():
                file = Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            table = Path(folder) / "layers"
            table.write_text(layers)
            done = subprocess.run([sys.executable, CHECK, "--root", folder, "--layers", table], capture_output=True, text=True)
            self.assertEqual(done.stderr, "")
            return done.returncode, done.stdout

    def passes(self, changes=None, **more):
        code, text = self.check(changes, **more)
        self.assertEqual(code, 0, text)
        self.assertIn("no circle", text)

    def fails(self, changes, *words, **more):
        code, text = self.check(changes, **more)
        self.assertEqual(code, 1, text)
        for word in words:
            self.assertIn(word, text)

    def with_more(self, path, text):
        return {path: CLEAN[path] + text}

    def test_a_clean_house_passes(self):
        self.passes()

    def test_a_circle_of_two_files_fails_and_names_both_imports(self):
        changes = self.with_more("wire/src/frame/layout.rs", "use super::header::Header;\npub fn of(_: Header) {}\n")
        self.fails(changes, "circle of 2 files: frame/header.rs, frame/layout.rs", "frame/layout.rs:2 imports frame/header.rs (super::header::Header)", "frame/header.rs:1")

    def test_a_circle_through_re_exports_is_followed_to_the_files(self):
        # layout takes the header from the facade: the circle is of the two children, not of the facade.
        changes = self.with_more("wire/src/frame/layout.rs", "pub fn of(_: crate::frame::Header) {}\n")
        self.fails(changes, "circle of 2 files: frame/header.rs, frame/layout.rs")

    def test_a_child_that_uses_its_parents_item_fails_where_the_parent_uses_the_child(self):
        changes = self.with_more("wire/src/frame/mod.rs", "pub fn largest() -> Layout { layout::Layout([0; 9]) }\n")
        self.fails(changes, "circle of 2 files: frame/layout.rs, frame/mod.rs")

    def test_a_parent_that_uses_what_it_re_exports_imports_the_child(self):
        changes = self.with_more("wire/src/frame/mod.rs", "pub fn same(layout: Layout) -> Layout { layout }\n")
        self.fails(changes, "circle of 2 files: frame/layout.rs, frame/mod.rs")

    def test_globs_and_renames_are_imports(self):
        for text in ["use super::header::*;\npub fn of(_: Header) {}\n", "use super::header::Header as Head;\npub fn of(_: Head) {}\n"]:
            self.fails(self.with_more("wire/src/frame/layout.rs", text), "circle of 2 files: frame/header.rs, frame/layout.rs")

    def test_a_path_in_an_inline_module_or_a_macro_is_an_import(self):
        for text in ["mod inner { pub fn of(_: super::super::Header) {} }\n", "pub fn of() { println!(\"{}\", size_of::<crate::frame::Header>()) }\n"]:
            self.fails(self.with_more("wire/src/frame/layout.rs", text), "circle of 2 files: frame/header.rs, frame/layout.rs")

    def test_an_import_upwards_fails(self):
        changes = self.with_more("wire/src/units.rs", "use crate::frame::LIMIT;\npub const MOST: usize = LIMIT;\n")
        changes["wire/src/frame/header.rs"] = "use super::Layout;\npub struct Header(Layout);\n"
        self.fails(changes, "units.rs:3: imports upwards: crate::frame::LIMIT is defined in frame/mod.rs, layer 2; units.rs is in layer 1")

    def test_an_import_upwards_through_the_crates_root_fails(self):
        changes = self.with_more("wire/src/frame/layout.rs", "pub fn of(_: &crate::Engine) {}\n")
        self.fails(changes, "frame/layout.rs:2: imports upwards: crate::Engine is defined in engine/run.rs")

    def test_a_re_export_upwards_fails(self):
        changes = self.with_more("wire/src/frame/mod.rs", "pub use crate::engine::Engine;\n")
        self.fails(changes, "frame/mod.rs:6: imports upwards: crate::engine::Engine is defined in engine/run.rs")

    def test_test_code_is_left_out(self):
        for gate in ["cfg(test)", "cfg(all(test, unix))"]:
            text = f"#[{gate}]\nmod tests {{\n    use super::super::Header;\n    fn of(_: Header) {{}}\n}}\n"
            self.passes(self.with_more("wire/src/frame/layout.rs", text))
            changes = self.with_more("wire/src/frame/layout.rs", f"#[{gate}]\nmod tests;\n")
            changes["wire/src/frame/layout/tests.rs"] = "use crate::Engine;\nfn of(_: Engine) {}\n"
            self.passes(changes)
        # What is also built outside tests counts.
        text = "#[cfg(any(test, unix))]\npub fn of(_: super::Header) {}\n"
        self.fails(self.with_more("wire/src/frame/layout.rs", text), "circle of 2 files")

    def test_what_follows_test_code_counts(self):
        for skipped in ["#[cfg(test)]\nuse std::{fs, io};\n", "#[cfg(test)]\nfn of(a: u8, b: [u8; 2]) -> u8 { a }\n", "#[cfg(test)]\nconst A: [u8; 2] = { [1, 2] };\n"]:
            changes = self.with_more("wire/src/frame/layout.rs", skipped + "pub fn last(_: super::Header) {}\n")
            self.fails(changes, "circle of 2 files")

    def test_comments_and_literals_are_no_imports(self):
        text = (
            "/// See [`super::Header`] and crate::Engine.\n/* use super::Header; /* nested */ crate::Engine */\n"
            "pub const TEXT: &str = \"super::Header\";\npub const RAW: &str = r#\"\"crate::Engine\"#;\npub const QUOTE: (char, char) = ('\"', '\\'');\n"
            "pub fn of<'a>(text: &'a str) -> &'a str { text }\n"
        )
        self.passes(self.with_more("wire/src/frame/layout.rs", text))

    def test_what_stands_behind_a_literal_counts(self):
        text = "pub const QUOTE: (char, &str) = ('\"', r\"\\\");\npub fn of(_: super::Header) {}\n"
        self.fails(self.with_more("wire/src/frame/layout.rs", text), "circle of 2 files")

    def test_a_file_in_no_layer_fails(self):
        changes = self.with_more("wire/src/lib.rs", "pub mod loose;\n")
        changes["wire/src/loose.rs"] = "pub struct Loose;\n"
        self.fails(changes, "wire/src/loose.rs: stands in no layer")

    def test_a_function_and_a_module_of_one_name_are_told_apart(self):
        # `frame::layout::Layout` leads through the module; the function of that name in mod.rs imports nothing.
        changes = self.with_more("wire/src/frame/mod.rs", "pub fn layout() -> usize { LIMIT }\n")
        changes["wire/src/frame/header.rs"] = "use super::layout::Layout;\npub struct Header(Layout);\n"
        self.passes(changes)

    def test_dpdk_in_a_crate_or_a_layer_without_it_fails(self):
        with_dpdk = {"wire/Cargo.toml": CLEAN["wire/Cargo.toml"] + '[dependencies]\ndpdk-sys = { path = "../dpdk-sys" }\n'}
        self.fails(with_dpdk, "wire: must build without DPDK, and depends on dpdk-sys")
        allowed = LAYERS.replace(" without dpdk", "")
        self.passes(with_dpdk, layers=allowed)
        impure = {**with_dpdk, **self.with_more("wire/src/units.rs", "pub fn raw() { dpdk_sys::raw() }\n")}
        self.fails(impure, "wire/src/units.rs:3: a pure layer imports DPDK: dpdk_sys::raw", layers=allowed)
        self.passes({**with_dpdk, **self.with_more("wire/src/frame/layout.rs", "pub fn raw() { dpdk_sys::raw() }\n")}, layers=allowed)


if __name__ == "__main__":
    unittest.main()
