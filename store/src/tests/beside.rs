//! Reading a data folder while another process writes to it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_a_flushing_writer_misses_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let (written, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (store, written, is_over) = (store.clone(), Arc::clone(&written), Arc::clone(&is_over));
        async move {
            for f_cnt in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                append(&store, uplink(f_cnt, &[1.0])).await;
                written.fetch_add(1, Ordering::SeqCst);
                if f_cnt % 3 == 0 {
                    store.flush().await.unwrap();
                }
            }
        }
    });
    for _ in 0..60 {
        let before = u64::from(written.load(Ordering::SeqCst));
        let reader = Store::open_read_only(DataFolder::new(folder.path()), clock()).await.unwrap();
        let snapshot = reader.snapshot();
        assert!(snapshot.uplinks.rows() >= before, "{} of {before} uplinks", snapshot.uplinks.rows());
        assert_eq!(snapshot.observations.rows(), snapshot.uplinks.rows(), "each uplink has one");
    }
    is_over.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}
