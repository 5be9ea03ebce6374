//! Files that are missing or damaged: the rest goes on, and what comes back is back.

use super::*;

async fn with_three_files(folder: &Path) -> Store {
    let store = open(folder).await;
    for f_cnt in 0..3 {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
        store.flush().await.unwrap();
    }
    store
}

fn path_of(store: &Store, number: usize) -> std::path::PathBuf {
    let rows = store.snapshot().observations;
    rows.root.join(&rows.files[number].path)
}

fn reasons(store: &Store) -> Vec<String> {
    store.damaged().into_iter().map(|damaged| damaged.reason).collect()
}

#[tokio::test]
async fn a_missing_file_is_left_out_and_named_and_taken_back() {
    let folder = TempDir::new().unwrap();
    let store = with_three_files(folder.path()).await;
    let (path, all) = (path_of(&store, 1), observations(&store));
    let aside = folder.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    assert_eq!(store.examine().await.unwrap(), 1);
    assert_eq!((observations(&store).len(), reasons(&store)), (2, vec!["it is missing".to_owned()]));
    store.shut_down().await.unwrap();
    drop(store);
    // The same at a start, also without a checkpoint, when all files are read.
    fs::remove_file(folder.path().join("checkpoint.bin")).unwrap();
    let store = open(folder.path()).await;
    assert_eq!((observations(&store).len(), reasons(&store).len()), (2, 1));
    append(&store, uplink(3, &[3.0])).await;
    store.flush().await.unwrap();
    assert_eq!(observations(&store).len(), 3, "what comes is stored");
    fs::rename(&aside, &path).unwrap();
    assert_eq!(store.examine().await.unwrap(), 0);
    assert_eq!((observations(&store).len(), observations(&store)[..3].to_vec()), (4, all));
}

#[tokio::test]
async fn a_single_flipped_bit_is_found_and_no_start_fails_by_it() {
    let folder = TempDir::new().unwrap();
    let store = with_three_files(folder.path()).await;
    let path = path_of(&store, 0);
    let good = fs::read(&path).unwrap();
    assert_eq!(store.examine().await.unwrap(), 0);
    for at in [5, good.len() / 2, good.len() - 3] {
        let mut bad = good.clone();
        bad[at] ^= 16;
        fs::write(&path, &bad).unwrap();
        assert_eq!(store.examine().await.unwrap(), 1, "byte {at}");
        assert!(reasons(&store)[0].contains("checksum"));
        assert_eq!(observations(&store).len(), 2);
        let copy = crash_copy(folder.path());
        fs::remove_file(copy.path().join("checkpoint.bin")).unwrap();
        let reopened = open(copy.path()).await;
        reopened.examine().await.unwrap();
        assert_eq!((observations(&reopened).len(), reasons(&reopened).len()), (2, 1), "byte {at}");
        fs::write(&path, &good).unwrap();
        assert_eq!(store.examine().await.unwrap(), 0);
        assert_eq!(observations(&store).len(), 3);
    }
}

#[tokio::test]
async fn damaged_files_are_neither_merged_nor_removed() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in 0..12 {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
        store.flush().await.unwrap();
    }
    let path = path_of(&store, 4);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(store.examine().await.unwrap(), 1);
    store.compact().await.unwrap();
    assert_eq!(observations(&store).len(), 11);
    store.shut_down().await.unwrap();
    drop(store);
    let options = Options { keep_replaced: std::time::Duration::ZERO, ..Options::default() };
    let store = Store::open(DataFolder::new(folder.path()), options, clock()).await.unwrap();
    store.remove_replaced().await;
    assert_eq!((observations(&store).len(), reasons(&store).len()), (11, 1));
    fs::write(&path, &bytes).unwrap();
    assert_eq!(store.examine().await.unwrap(), 0);
    assert_eq!(observations(&store).len(), 12);
}
