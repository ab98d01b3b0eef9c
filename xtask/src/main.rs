//! `cargo xtask`: set-up, run, test, bench, dist.
fn main() {}
