//! The wire format, and nothing that waits: bytes in, packets out, and back.

pub(crate) mod attachment;
pub mod decode;
pub(crate) mod encode;
pub mod frame;
pub mod packet;
pub mod payload;

pub use attachment::Binary;
