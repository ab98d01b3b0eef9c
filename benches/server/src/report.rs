//! What came of it: tables, and whether each bar holds.

use std::collections::BTreeMap;

use bench_figures::{Samples, digits, table};

use crate::{
    Size,
    fanout::Flow,
    idle::Crowd,
    large::Large,
    sends::{SENDERS, Sent},
    subject::Subject,
};

/// All samples, by what they are of and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Report {
    samples: BTreeMap<(&'static str, &'static str), Samples>,
    large: Option<Large>,
}

/// What stands in one table: its title, and its columns.
struct Section {
    title: String,
    columns: Vec<(&'static str, &'static str)>,
}

impl Report {
    pub(crate) fn flat_out(&mut self, subject: Subject, flow: &Flow) {
        self.add(subject, "flat per second", flow.per_second);
        self.add(subject, "flat cpu", flow.cpu);
        self.add(subject, "flat p50", flow.p50);
        self.add(subject, "flat p99", flow.p99);
        self.add(subject, "flat load", flow.load);
    }

    pub(crate) fn paced(&mut self, subject: Subject, flow: &Flow) {
        self.add(subject, "paced cpu", flow.cpu);
        self.add(subject, "paced p50", flow.p50);
        self.add(subject, "paced p99", flow.p99);
        self.add(subject, "paced load", flow.load);
    }

    pub(crate) fn chats(&mut self, subject: Subject, flow: &Flow) {
        self.add(subject, "chats cpu", flow.cpu);
        self.add(subject, "chats p50", flow.p50);
        self.add(subject, "chats p99", flow.p99);
        self.add(subject, "chats load", flow.load);
    }

    pub(crate) fn sends(&mut self, subject: Subject, sent: &[Sent]) {
        for (key, sent) in SEND_KEYS.iter().zip(sent) {
            self.add(subject, key.0, sent.per_second);
            self.add(subject, key.1, sent.cpu);
            self.add(subject, key.2, sent.p50);
            self.add(subject, key.3, sent.p99);
        }
    }

    pub(crate) fn idle(&mut self, subject: Subject, crowd: &Crowd) {
        self.add(subject, "connects", crowd.connects_per_second);
        self.add(subject, "kilobytes", crowd.kilobytes);
        self.add(subject, "back", crowd.back);
    }

    pub(crate) fn large(&mut self, large: Large) {
        self.large = Some(large);
    }

    fn add(&mut self, subject: Subject, key: &'static str, sample: f64) {
        self.samples.entry((key, subject.name())).or_default().add(sample);
    }

    fn median(&self, key: &'static str, subject: Subject) -> Option<f64> {
        let samples = self.samples.get(&(key, subject.name()))?;
        (!samples.is_empty()).then(|| samples.median())
    }

    /// Everything, in Markdown.
    pub(crate) fn text(&self, size: &Size) -> String {
        let mut text = Vec::new();
        for section in sections(size) {
            let rows: Vec<Vec<String>> = [Subject::Floor, Subject::Node, Subject::Khaya]
                .into_iter()
                .filter(|subject| self.median(section.columns[0].1, *subject).is_some())
                .map(|subject| {
                    let cells = section.columns.iter().map(|(_, key)| {
                        let samples = self.samples.get(&(*key, subject.name()));
                        samples.map_or_else(String::new, Samples::spread)
                    });
                    [subject.name().to_owned()].into_iter().chain(cells).collect()
                })
                .collect();
            if !rows.is_empty() {
                let heads: Vec<&str> = [""]
                    .into_iter()
                    .chain(section.columns.iter().map(|(head, _)| *head))
                    .collect();
                text.push(table(&section.title, &heads, &rows));
            }
        }
        if let Some(large) = &self.large {
            let mut rows = vec![
                vec!["start to `listening`, ms".to_owned(), large.start_ms.spread()],
                vec!["resident at rest, MB".to_owned(), large.idle_mb.spread()],
            ];
            rows.extend(large.searches.iter().map(|(what, median, slowest)| {
                vec![
                    format!("search: {what}, ms, median and slowest"),
                    format!("{} / {}", digits(*median), digits(*slowest)),
                ]
            }));
            text.push(table(
                &format!("{} messages", size.history),
                &["", "khaya-server"],
                &rows,
            ));
        }
        let bars: Vec<Vec<String>> = self.bars().into_iter().map(Bar::row).collect();
        text.push(table("Bars, by medians", &["", "bar", "here", ""], &bars));
        text.join("\n")
    }

    fn bars(&self) -> Vec<Bar> {
        let (node, khaya) = (Subject::Node, Subject::Khaya);
        let ratio = |key, of| Some(self.median(key, khaya)? / self.median(key, of)?);
        let mut bars = vec![
            Bar::most(
                "fan-out, CPU for a delivery, of Node's",
                0.5,
                ratio("flat cpu", node),
            ),
            Bar::most(
                "fan-out, CPU for a delivery, of the floor's",
                1.5,
                ratio("flat cpu", Subject::Floor),
            ),
            Bar::most("fan-out flat out, p99 of Node's", 1.0, ratio("flat p99", node)),
            Bar::most(
                "fan-out at 20,000/s, CPU for a delivery, of Node's",
                0.5,
                ratio("paced cpu", node),
            ),
            Bar::most(
                "fan-out at 20,000/s, CPU for a delivery, of the floor's",
                1.5,
                ratio("paced cpu", Subject::Floor),
            ),
            Bar::most(
                "fan-out at 20,000/s, p99 of Node's",
                1.0,
                ratio("paced p99", node),
            ),
            Bar::most(
                "small chats, CPU for a delivery, of Node's",
                1.0,
                ratio("chats cpu", node),
            ),
            Bar::most("small chats, p99 of Node's", 1.0, ratio("chats p99", node)),
        ];
        for (senders, key) in SENDERS.iter().zip(SEND_KEYS) {
            bars.push(Bar::least(
                format!("durable sends, {senders} at once, of Node's"),
                2.0,
                ratio(key.0, node),
            ));
        }
        bars.extend([
            Bar::most("KB for a connection", 10.0, self.median("kilobytes", khaya)),
            Bar::most(
                "seconds until all who were dropped are back",
                1.5,
                self.median("back", khaya),
            ),
        ]);
        if let Some(large) = &self.large {
            let slowest = large
                .searches
                .iter()
                .map(|(_, _, slowest)| *slowest)
                .fold(0.0, f64::max);
            bars.extend([
                Bar::most(
                    "start on the large database, ms",
                    300.0,
                    Some(large.start_ms.median()),
                ),
                Bar::most("resident at rest, MB", 30.0, Some(large.idle_mb.median())),
                Bar::most("the slowest search, ms", 50.0, Some(slowest)),
            ]);
        }
        bars.retain(|bar| bar.here.is_some());
        bars
    }
}

const SEND_KEYS: [(&str, &str, &str, &str); 3] = [
    ("1 per second", "1 cpu", "1 p50", "1 p99"),
    ("8 per second", "8 cpu", "8 p50", "8 p99"),
    ("64 per second", "64 cpu", "64 p50", "64 p99"),
];

fn sections(size: &Size) -> Vec<Section> {
    let mut sections = vec![
        Section {
            title: "One chat of 1,000, as fast as it goes".to_owned(),
            columns: vec![
                ("deliveries/s", "flat per second"),
                ("CPU s for 100,000", "flat cpu"),
                ("p50, ms", "flat p50"),
                ("p99, ms", "flat p99"),
                ("load's share of its core", "flat load"),
            ],
        },
        Section {
            title: "One chat of 1,000, 20,000 deliveries/s".to_owned(),
            columns: vec![
                ("CPU s for 100,000", "paced cpu"),
                ("p50, ms", "paced p50"),
                ("p99, ms", "paced p99"),
                ("load's share of its core", "paced load"),
            ],
        },
        Section {
            title: "1,002 people in chats of six, 600 messages/s".to_owned(),
            columns: vec![
                ("CPU s for 100,000", "chats cpu"),
                ("p50, ms", "chats p50"),
                ("p99, ms", "chats p99"),
                ("load's share of its core", "chats load"),
            ],
        },
    ];
    for (senders, key) in SENDERS.iter().zip(SEND_KEYS) {
        sections.push(Section {
            title: format!("Durable sends, {senders} at once"),
            columns: vec![
                ("messages/s", key.0),
                ("CPU s for 10,000", key.1),
                ("p50, ms", key.2),
                ("p99, ms", key.3),
            ],
        });
    }
    sections.push(Section {
        title: format!("{} connections, and half of them dropped and back", size.idle),
        columns: vec![
            ("connects/s", "connects"),
            ("KB each, at rest", "kilobytes"),
            ("s until all are back", "back"),
        ],
    });
    sections
}

/// What is asked of a figure.
struct Bar {
    what: String,
    limit: String,
    here: Option<f64>,
    holds: bool,
}

impl Bar {
    fn most(what: impl Into<String>, limit: f64, here: Option<f64>) -> Self {
        Self {
            what: what.into(),
            limit: format!("≤ {limit}"),
            here,
            holds: here.is_some_and(|here| here <= limit),
        }
    }

    fn least(what: impl Into<String>, limit: f64, here: Option<f64>) -> Self {
        Self {
            what: what.into(),
            limit: format!("≥ {limit}"),
            here,
            holds: here.is_some_and(|here| here >= limit),
        }
    }

    fn row(self) -> Vec<String> {
        let verdict = if self.holds { "holds" } else { "**falls short**" };
        let here = self.here.map_or_else(String::new, digits);
        vec![self.what, self.limit, here, verdict.to_owned()]
    }
}
