//! A weather station: one publisher, subscribers that each follow a few places, and nobody misses the first report.
//!
//! What is published before a subscription has arrived is not sent to that subscriber, which surprises everybody once.
//! The cure is not to sleep and hope, but to wait for the subscriptions: see `wait_for_subscription` below.
//!
//! Run it with `cargo run --example weather`; it ends by itself and fails if a report is missing, doubled or meant for
//! somebody else.

use std::error::Error;
use std::thread;
use std::time::Duration;

use highwater::{Context, Endpoint, Pub, Sub};

const PLACES: [&str; 4] = ["berlin", "lima", "nairobi", "oslo"];
const REPORTS: usize = 1000;

/// How long everybody has to get ready.
const PATIENCE: Duration = Duration::from_secs(10);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let context = Context::new();
    // Nobody's reports may be lost here, so a slow subscriber holds the station up. The usual way is that it misses
    // what it is too slow for, and that the station counts it: leave the option out, and look at the report of `send`.
    let station = Pub::builder(&context)
        .slow_subscriber(highwater::SlowSubscriber::Refuse)
        .send_timeout(PATIENCE)
        .build();
    let at = station.bind("tcp://127.0.0.1:*")?;

    thread::scope(|scope| {
        let followers: [&[&str]; 3] = [&["oslo"], &["lima", "nairobi"], &PLACES];
        let followers = followers.map(|places| {
            let (context, at) = (&context, &at);
            scope.spawn(move || follow(context, at, places))
        });

        for (place, followers) in PLACES.iter().zip([1, 2, 2, 2]) {
            station.wait_for_subscription(format!("{place} "), followers, PATIENCE)?;
        }
        for number in 0..REPORTS {
            let place = PLACES[number % PLACES.len()];
            let degrees = number as i64 % 61 - 20;
            let report = station.send([format!("{place} "), format!("{degrees} C")])?;
            assert_eq!(report.dropped, 0, "everybody gets everything");
        }
        for follower in followers {
            follower.join().expect("a subscriber does not panic")?;
        }
        Ok::<_, Failure>(())
    })?;
    println!("{} reports went out", station.stats().messages_sent);
    Ok(())
}

/// Reads the reports from `places`, all of them, and says what the average was.
fn follow(context: &Context, station: &Endpoint, places: &[&str]) -> Result<(), Failure> {
    let reports = Sub::builder(context).receive_timeout(PATIENCE).build();
    reports.connect(station)?;
    for place in places {
        // With the blank at the end: a topic is a prefix, and "lima" would be one of "limassol".
        reports.subscribe(format!("{place} "))?;
    }
    let expected = REPORTS / PLACES.len() * places.len();
    let mut total = 0;
    for _ in 0..expected {
        let report = reports.recv()?;
        let place = report.to_str()?.trim_end();
        assert!(places.contains(&place), "nobody asked for {place}");
        let degrees = std::str::from_utf8(&report[1])?;
        total += degrees.trim_end_matches(" C").parse::<i64>()?;
    }
    println!("{places:?}: {} C on average", total / expected as i64);
    Ok(())
}
