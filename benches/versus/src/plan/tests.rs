//! Names of cells, and which of them a pattern selects.

use super::*;

#[test]
fn every_listed_name_is_a_cell_and_prints_as_itself() {
    for &name in ALL.iter().chain(QUICK) {
        let cell: Cell = name.parse().expect(name);
        assert_eq!(cell.to_string(), name);
    }
}

#[test]
fn the_quick_cells_are_among_all_cells() {
    assert!(QUICK.iter().all(|name| ALL.contains(name)));
}

#[test]
fn a_pattern_selects_by_its_segments() {
    let names = |pattern: &str| -> Vec<String> {
        let cells = select(&[pattern.to_owned()], ALL).expect(pattern);
        cells.iter().map(Cell::to_string).collect()
    };
    assert_eq!(
        names("*/req-rep"),
        ["tcp/req-rep/16", "ipc/req-rep/16", "inproc/req-rep/16"]
    );
    assert_eq!(names("ipc/push-pull/1024"), ["ipc/push-pull/1024"]);
    assert_eq!(names("tcp/push-pull/100"), ["tcp/push-pull/100"]);
    assert_eq!(
        names("*/async-req-rep/16"),
        [
            "tcp/async-req-rep/16",
            "ipc/async-req-rep/16",
            "inproc/async-req-rep/16"
        ]
    );
    assert_eq!(names("inproc").len(), 7);
}

#[test]
fn publishing_is_measured_to_1_8_and_64_subscribers_at_four_sizes() {
    let cells = select(&["tcp/pub-sub".to_owned()], ALL).expect("known cells");
    let pairs = [1, 8, 64].into_iter().flat_map(|subscribers| {
        [16, 64, 1024, 16_384].map(|size| Scenario::PubSub { subscribers, size })
    });
    assert!(cells.iter().map(|cell| cell.scenario).eq(pairs));
}

#[test]
fn what_is_no_cell_is_refused() {
    for name in [
        "",
        "tcp",
        "tcp/push-pull/0",
        "udp/push-pull/16",
        "tcp/router-dealer/64",
        "tcp/push-pull/1/2",
        "tcp/topics/9x64",
        "tcp/idle/0",
        "tcp/io-threads/0x64",
        "tcp/io-threads/2",
        "tcp/io-threads/2x64+inproc",
        "tcp/unequal-pull/1x1",
        "tcp/async-idle/10",
        "inproc/many-pubs/64",
        "tcp/many-pubs/0",
        "tcp/async-/10",
        "tcp/async-async-req-rep/16",
        "tcp/unequal-pull/12x1+ipc",
        "tcp/unequal-pull/12x1+",
    ] {
        assert!(name.parse::<Cell>().is_err(), "{name}");
    }
    assert!(select(&["tcp/nothing".to_owned()], ALL).is_err());
}
