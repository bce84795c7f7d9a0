//! The trie with 100,000 topics, beside a scan over a list of them and a hash table of whole topics.
//!
//! Compiled here once more, from the same source, for the reason given in `strategies.rs`.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use highwater_patterns::Frame;

#[expect(
    dead_code,
    unused_imports,
    reason = "a part of the library, of which a part is measured"
)]
#[path = "../src"]
mod parts {
    pub(crate) mod trie;
}
use parts::trie;

use trie::{Trie, Value};

const TOPICS: u32 = 100_000;

/// How many subscribe to a topic.
#[derive(Debug, Default)]
struct Subscribers(u32);

impl Value for Subscribers {
    fn is_nothing(&self) -> bool {
        self.0 == 0
    }
}

/// `weather.REGION.STATION.SENSOR`, in no order; and one topic in a hundred is a whole region.
fn topics() -> Vec<Vec<u8>> {
    (0..TOPICS)
        .map(|number| {
            // A prime: its multiples modulo the count visit each number once.
            let number = (u64::from(number) * 7_368_787 % u64::from(TOPICS)) as u32;
            let (region, station, sensor) = (number / 100, number / 10 % 10, number % 10);
            match number % 100 {
                0 => format!("weather.{region:04}."),
                _ => format!("weather.{region:04}.station{station}.sensor{sensor}."),
            }
            .into_bytes()
        })
        .collect()
}

fn filled(topics: &[Vec<u8>]) -> Trie<Subscribers> {
    let mut trie = Trie::default();
    for topic in topics {
        trie.update(topic, |_, subscribers: &mut Subscribers| subscribers.0 += 1);
    }
    assert_eq!(trie.len(), topics.len());
    trie
}

fn hashed(topics: &[Vec<u8>]) -> HashMap<Vec<u8>, u32> {
    topics.iter().map(|topic| (topic.clone(), 1)).collect()
}

fn change(criterion: &mut Criterion) {
    let topics = topics();
    let mut group = criterion.benchmark_group("subscriptions");
    group.throughput(Throughput::Elements(TOPICS.into()));
    group.bench_function("insert", |bencher| {
        bencher.iter_with_large_drop(|| filled(&topics));
    });
    group.bench_function("insert/hash_table", |bencher| {
        bencher.iter_with_large_drop(|| hashed(&topics));
    });
    group.bench_function("remove", |bencher| {
        bencher.iter_batched(
            || filled(&topics),
            |mut trie| {
                for topic in &topics {
                    trie.update(topic, |_, subscribers| subscribers.0 -= 1);
                }
                assert_eq!(trie.len(), 0);
                trie
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("remove/hash_table", |bencher| {
        bencher.iter_batched(
            || hashed(&topics),
            |mut table| {
                for topic in &topics {
                    assert!(table.remove(topic).is_some());
                }
                table
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn look_up(criterion: &mut Criterion) {
    const TEXTS: usize = 1000;
    let topics = topics();
    let trie = filled(&topics);
    let mut group = criterion.benchmark_group("match");
    for (name, found, ending) in [("two_topics", 2, "21C"), ("no_topic", 0, "")] {
        // Published: below a sensor and its region, or in a region that nobody asked for.
        let texts: Vec<Vec<u8>> = topics
            .iter()
            .filter(|topic| topic.ends_with(b"sensor7."))
            .take(TEXTS)
            .map(|topic| {
                let mut text = [topic, ending.as_bytes()].concat();
                if found == 0 {
                    text[8] = b'x';
                }
                text
            })
            .collect();
        assert_eq!(texts.len(), TEXTS);
        group.throughput(Throughput::Elements(TEXTS as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for text in &texts {
                    let mut matches = 0;
                    trie.prefixes(black_box(text), |subscribers| {
                        matches += subscribers.0;
                        true
                    });
                    assert_eq!(matches, found);
                }
            });
        });
        // Few, as it takes long.
        const SCANNED: usize = 5;
        group.throughput(Throughput::Elements(SCANNED as u64));
        group.bench_function(format!("{name}/naive_scan"), |bencher| {
            bencher.iter(|| {
                for text in &texts[..SCANNED] {
                    let text = black_box(text);
                    let matches = topics.iter().filter(|topic| text.starts_with(topic));
                    assert_eq!(matches.count(), found as usize);
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = tries;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10);
    targets = change, look_up
}
criterion_main!(tries);
