//! The wire format, and nothing that waits: bytes in, packets out, and back.

pub(crate) mod attachment;
pub mod packet;

pub use attachment::Binary;
