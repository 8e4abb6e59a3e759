//! What is kept comes back; what is broken does not.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn snapshot() -> Snapshot {
    let secret = ObjectRef::new("infra", "tls");
    let certificate =
        Certificate { secret: secret.clone(), chain_pem: (*b"chain").into(), key_pem: (*b"\xffkey").into() };
    Snapshot {
        version: Version("0123456789abcdef".into()),
        certificates: [(secret, certificate.into())].into(),
        ..Snapshot::default()
    }
}

fn place() -> (tempfile::TempDir, LastGood) {
    let folder = tempfile::tempdir().expect("folder");
    let place = LastGood::new(folder.path(), "edge-dataplane");
    (folder, place)
}

#[test]
fn what_is_kept_comes_back_with_keys_and_nobody_else_may_read_it() {
    let (folder, place) = place();
    assert!(matches!(place.load(), Err(LoadError::Absent(_))));
    // One that a crash left behind, open to all.
    fs::write(folder.path().join("last-good.tmp"), "old").expect("write");
    let saved = place.save(&snapshot()).expect("save");
    let stored = place.load().expect("load");
    assert_eq!(stored.snapshot, snapshot());
    assert!(saved.duration_since(stored.saved).expect("order") < Duration::from_millis(2));
    let mode = fs::metadata(place.path()).expect("file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1, "nothing is left aside");
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let (_folder, place) = place();
    place.save(&snapshot()).expect("save");
    let good = fs::read(place.path()).expect("read");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(place.path(), &bad).expect("write");
        assert!(place.load().is_err(), "byte {at}");
        fs::write(place.path(), &good[..at]).expect("write");
        assert!(place.load().is_err(), "cut at {at}");
    }
}

#[test]
fn other_formats_and_other_fleets_are_named() {
    let (folder, place) = place();
    place.save(&snapshot()).expect("save");
    let other = LastGood::new(folder.path(), "other");
    let error = other.load().expect_err("another fleet");
    assert!(
        matches!(error, LoadError::OtherFormat { .. }) && error.to_string().contains("edge-dataplane"),
        "{error}"
    );
    let text = fs::read_to_string(place.path()).expect("read").replace("\"format\":1", "\"format\":2");
    fs::write(place.path(), text).expect("write");
    let error = place.load().expect_err("another format");
    assert!(
        matches!(error, LoadError::OtherFormat { .. }) && error.to_string().contains("writes"),
        "{error}"
    );
}

#[test]
fn a_save_that_fails_leaves_what_was_there() {
    let (folder, place) = place();
    place.save(&snapshot()).expect("save");
    // A folder where the file is written aside: it cannot be removed as a file.
    fs::create_dir(folder.path().join("last-good.tmp")).expect("folder");
    let newer = Snapshot { version: Version("02".into()), ..snapshot() };
    place.save(&newer).expect_err("cannot be written");
    assert_eq!(place.load().expect("load").snapshot, snapshot());
}
