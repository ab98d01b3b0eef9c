//! Interleaved rounds: in each, every client runs once, so that what else the machine does falls on all of them.

use anyhow::Result;
use bench_figures::Samples;
use serde_json::Value;

use crate::{client::Client, progress};

/// What the clients said, round by round.
#[derive(Debug)]
pub(crate) struct Rounds {
    runs: Vec<Runs>,
}

/// What one client said; nothing in a round in which it failed.
#[derive(Debug)]
struct Runs {
    client: Client,
    lines: Vec<Option<Value>>,
    /// Why it failed last.
    failure: Option<String>,
}

impl Rounds {
    /// Runs all clients, beginning each round with another one.
    pub(crate) async fn run(
        name: &str,
        clients: &[Client],
        rounds: usize,
        mut once: impl AsyncFnMut(Client) -> Result<Value>,
    ) -> Self {
        let mut runs: Vec<Runs> = clients
            .iter()
            .map(|client| Runs {
                client: *client,
                lines: Vec::new(),
                failure: None,
            })
            .collect();
        for round in 0..rounds {
            progress::tell(&format!("{name}, round {} of {rounds}", round + 1));
            for turn in 0..clients.len() {
                runs[(round + turn) % clients.len()].once(&mut once).await;
            }
        }
        Self { runs }
    }

    /// A row for each client: what it said in these fields, and its ratios to what these others said in the first
    /// field in the same round.
    pub(crate) fn rows(&self, fields: &[&str], to: &[Client]) -> Vec<Vec<String>> {
        self.runs
            .iter()
            .map(|runs| {
                let mut cells = vec![runs.name()];
                for field in fields {
                    cells.push(runs.samples(field).spread());
                }
                for other in to {
                    let other = self.runs.iter().find(|runs| runs.client == *other);
                    let ratios = other.map(|other| runs.ratios(other, fields[0]));
                    cells.push(ratios.unwrap_or_default().spread());
                }
                cells
            })
            .collect()
    }
}

impl Runs {
    async fn once(&mut self, once: &mut impl AsyncFnMut(Client) -> Result<Value>) {
        // Who cannot do it at all is not asked again.
        let hopeless = self.failure.is_some() && self.lines.iter().all(Option::is_none);
        let line = if hopeless {
            None
        } else {
            match once(self.client).await {
                Ok(line) => Some(line),
                Err(error) => {
                    self.failure = Some(error.to_string());
                    None
                }
            }
        };
        self.lines.push(line);
    }

    /// With why it failed, if it did.
    fn name(&self) -> String {
        let name = self.client.name();
        let done = self.lines.iter().flatten().count();
        match &self.failure {
            Some(failure) if done == 0 => format!("{name} (cannot: {failure})"),
            Some(failure) => format!("{name} ({done} runs of {}: {failure})", self.lines.len()),
            None => name.to_owned(),
        }
    }

    fn samples(&self, field: &str) -> Samples {
        self.lines
            .iter()
            .flatten()
            .map(|line| number(line, field))
            .collect()
    }

    fn ratios(&self, other: &Self, field: &str) -> Samples {
        self.lines
            .iter()
            .zip(&other.lines)
            .filter_map(|(line, other)| Some(number(line.as_ref()?, field) / number(other.as_ref()?, field)))
            .collect()
    }
}

/// A figure in what a client said.
pub(crate) fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or(f64::NAN)
}
