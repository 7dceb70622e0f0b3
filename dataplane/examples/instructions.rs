//! Runs one per-frame piece a given number of bursts, for `scripts/count-instructions` to count. Without arguments: the pieces' names.

#![allow(clippy::expect_used, reason = "a measurement that cannot be set up should stop")]

#[path = "../benches/pieces/mod.rs"]
mod pieces;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, bursts] = &arguments[..] else {
        pieces::all().iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let bursts: u64 = bursts.parse().expect("a number of bursts");
    let (_, make) = pieces::all().into_iter().find(|(known, _)| known == name).expect("a piece that `instructions` lists");
    let mut piece = make();
    piece(bursts);
    println!("{} frames", bursts * pieces::BURST as u64);
}
