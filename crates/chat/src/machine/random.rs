//! Randomness from a seed (SplitMix64, Steele et al. 2014): for client ids and the spread of retries, never for
//! secrets.

use std::time::Duration;

use khaya_wire::ClientId;
use uuid::Builder;

#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn client_id(&mut self) -> ClientId {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        let id = Builder::from_random_bytes(bytes).into_uuid().to_string();
        ClientId::new(id).unwrap_or_else(|_| unreachable!("a UUID has only characters that an id may have"))
    }

    /// A time between `longest / 2` and `longest`.
    pub(super) fn spread(&mut self, longest: Duration) -> Duration {
        let half = longest / 2;
        #[expect(clippy::cast_precision_loss, reason = "a spread needs no precision")]
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        half + half.mul_f64(part)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}
