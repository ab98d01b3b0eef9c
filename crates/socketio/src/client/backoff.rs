//! How long to wait before the next attempt.

use std::time::Duration;

use crate::builder::Reconnection;

/// No delay is shorter, whatever the options say: clients that come back at once, all together, take the server
/// down again.
const SHORTEST: Duration = Duration::from_millis(1);

/// Nor longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            attempts: 0,
            random: seed | 1,
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Counts one more attempt and tells how long to wait before it: doubled, capped, then shortened by jitter.
    pub(super) fn next(&mut self, options: &Reconnection) -> Duration {
        let doubled = options
            .delay
            .checked_mul(1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX));
        let capped = doubled.unwrap_or(LONGEST).min(options.delay_max).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        let randomization = if options.randomization.is_nan() {
            0.0
        } else {
            options.randomization.clamp(0.0, 1.0)
        };
        capped
            .mul_f64(1.0 - randomization * self.fraction())
            .max(SHORTEST)
    }

    /// From 0 up to, and not including, 1. (Marsaglia's xorshift64 with Vigna's multiplier.)
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let mantissa = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        mantissa as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_attempts_stay_below_the_cap_above_zero_and_spread() {
        let options = Reconnection::default();
        let mut backoff = Backoff::new(7);
        let delays: Vec<Duration> = (0..100_000).map(|_| backoff.next(&options)).collect();
        assert!(
            delays
                .iter()
                .all(|delay| *delay <= options.delay_max && *delay >= SHORTEST)
        );
        let settled = &delays[3..];
        assert!(settled.iter().all(|delay| *delay > options.delay_max / 2));
        let mean = settled.iter().sum::<Duration>().as_secs_f64() / settled.len() as f64;
        assert!(
            (3.70..3.80).contains(&mean),
            "a spread around three quarters of the cap, not {mean}"
        );
        let mut tenths = [0_u32; 10];
        for delay in settled {
            tenths[((delay.as_secs_f64() - 2.5) / 0.25) as usize % 10] += 1;
        }
        assert!(tenths.iter().all(|count| *count > 9_000), "{tenths:?}");
    }

    #[test]
    fn doubles_without_jitter() {
        let options = Reconnection {
            randomization: 0.0,
            ..Reconnection::default()
        };
        let mut backoff = Backoff::new(1);
        let delays: Vec<u128> = (0..5).map(|_| backoff.next(&options).as_millis()).collect();
        assert_eq!(delays, [1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn absurd_options_do_not_panic() {
        for randomization in [f64::NAN, -1.0, 7.0, f64::INFINITY] {
            let options = Reconnection {
                randomization,
                delay: Duration::MAX,
                delay_max: Duration::MAX,
                ..Reconnection::default()
            };
            let mut backoff = Backoff::new(0);
            for _ in 0..100 {
                backoff.next(&options);
            }
        }
    }
}
