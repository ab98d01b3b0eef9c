//! Pictures of two people's windows, light and dark.
fn main() {}
