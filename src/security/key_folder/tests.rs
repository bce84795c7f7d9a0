use super::*;
use crate::peer::PeerInfo;
use highwater_curve::{FileNames, Keypair, SecretKey};

fn pair(seed: u8) -> Keypair {
    Keypair::from_secret(SecretKey::from_bytes([seed; 32]))
}

#[test]
fn files_that_come_go_and_change_are_noticed_and_a_bad_one_spoils_no_other() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    let save = |seed, name: &str| {
        Certificate::public_only(pair(seed).public())
            .with("name", name)
            .expect("good metadata")
            .save(at(name), FileNames::Pyzmq)
            .expect("the folder is ours");
    };
    let check = |folder: &KeyFolder, seed| {
        let key = pair(seed).public();
        folder.check(&Candidate::for_tests(Proof::Curve { key }))
    };
    save(1, "one");
    fs::write(at("bad.key"), "no certificate").expect("ours");
    let folder = KeyFolder::open(place.path()).expect("it is there");
    let heard = Arc::new(Heard::default());
    let watcher: Arc<dyn Watcher> = Arc::clone(&heard) as _;
    folder.watched_by(Arc::downgrade(&watcher));
    assert!(heard.flawed.lock().expect("whole")[0].contains("bad.key"));
    let Verdict::Allow { user, metadata } = check(&folder, 1) else {
        panic!("the key is there");
    };
    assert_eq!(user, pair(1).public().to_string());
    assert_eq!(metadata, [("name".to_owned(), "one".into())]);
    assert_eq!(check(&folder, 2), Verdict::deny());

    save(2, "second");
    folder.clone().look().expect("it is there");
    assert_ne!(check(&folder, 2), Verdict::deny());
    assert!(heard.revoked().is_empty());

    fs::remove_file(at("one.key")).expect("it is there");
    folder.look().expect("it is there");
    assert_eq!(heard.revoked(), [1]);
    assert_eq!(check(&folder, 1), Verdict::deny());

    // Another key under the same name.
    Certificate::public_only(pair(3).public())
        .save(at("second"), FileNames::Pyzmq)
        .expect("ours");
    folder.look().expect("it is there");
    assert_eq!(heard.revoked(), [2]);
    assert_eq!(folder.keys(), [pair(3).public()]);

    // Nobody looks but the thread.
    save(4, "fourth");
    wait_until("the thread looks", || check(&folder, 4) != Verdict::deny());
    assert_eq!(heard.flawed.lock().expect("whole").len(), 1, "told once");
    assert!(KeyFolder::open(at("nowhere")).is_err());
}

fn watched(folder: &KeyFolder) -> (Arc<Heard>, Arc<dyn Watcher>) {
    let heard = Arc::new(Heard::default());
    let watcher: Arc<dyn Watcher> = Arc::clone(&heard) as _;
    folder.watched_by(Arc::downgrade(&watcher));
    (heard, watcher)
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Linux gives two such writes the same time up to 6.12; later ones tell them apart once they were asked between.
#[test]
fn a_file_that_is_written_twice_within_a_tick_of_the_clock_is_read_at_last() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = KeyFolder::open(place.path()).expect("it is there");
    // In place, as by an editor: same inode, same length.
    let write = |seed, number| {
        let text = Certificate::public_only(pair(seed).public()).to_public_text();
        let name = format!("{number}.key");
        fs::write(place.path().join(name), text.as_bytes()).expect("ours");
    };
    for number in 0..50 {
        write(1, number);
        folder.look().expect("it is there");
        write(2, number);
    }
    let now = || folder.keys().into_iter().all(|key| key == pair(2).public());
    wait_until("the last content of each", now);
}

#[test]
fn what_cannot_be_read_is_told_once_and_lets_nobody_in() {
    let place = tempfile::tempdir().expect("a folder");
    let at = place.path().join("loop.key");
    Certificate::public_only(pair(1).public())
        .save(place.path().join("loop"), FileNames::Pyzmq)
        .expect("ours");
    let folder = KeyFolder::open(place.path()).expect("it is there");
    let (heard, _watcher) = watched(&folder);
    fs::remove_file(&at).expect("it is there");
    std::os::unix::fs::symlink(&at, &at).expect("ours");
    for _ in 0..3 {
        folder.look().expect("it is there");
    }
    assert_eq!(heard.revoked(), [1]);
    let told = heard.flawed.lock().expect("whole").clone();
    assert_eq!(told, [at.display().to_string()]);
    assert!(folder.keys().is_empty());
}

#[test]
fn a_folder_that_goes_keeps_its_keys_and_is_read_again_when_it_is_back() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("keys");
    let make = |seed| {
        fs::create_dir(&path).expect("ours");
        Certificate::public_only(pair(seed).public())
            .save(path.join("one"), FileNames::Pyzmq)
            .expect("ours");
    };
    make(1);
    let folder = KeyFolder::open(&path).expect("it is there");
    let (heard, _watcher) = watched(&folder);
    fs::remove_dir_all(&path).expect("ours");
    assert!(folder.look().is_err());
    wait_until("it is told", || {
        !heard.flawed.lock().expect("whole").is_empty()
    });
    assert_eq!(folder.keys(), [pair(1).public()]);
    assert!(heard.revoked().is_empty());
    make(2);
    folder.look().expect("it is back");
    assert_eq!(folder.keys(), [pair(2).public()]);
    assert_eq!(heard.revoked(), [1]);
    let told = heard.flawed.lock().expect("whole").clone();
    assert_eq!(told, [path.display().to_string()], "told once");
}

/// What a watcher has heard.
#[derive(Default)]
struct Heard {
    revoked: Mutex<Vec<u8>>,
    flawed: Mutex<Vec<String>>,
}

impl Heard {
    /// The seeds of the keys that were revoked since the last call.
    fn revoked(&self) -> Vec<u8> {
        std::mem::take(&mut *self.revoked.lock().expect("whole"))
    }
}

impl Watcher for Heard {
    fn revoked(&self, is_meant: &dyn Fn(&PeerInfo) -> bool) {
        for seed in 1..10 {
            let mut peer = PeerInfo::for_tests("");
            peer.key = Some(pair(seed).public());
            if is_meant(&peer) {
                self.revoked.lock().expect("whole").push(seed);
            }
        }
    }

    fn flawed(&self, path: &str, _: &str) {
        self.flawed.lock().expect("whole").push(path.to_owned());
    }
}
