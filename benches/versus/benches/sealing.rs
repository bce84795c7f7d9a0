//! Boxes of CURVE alone, from memory to memory: ours beside those of libsodium, which libzmq uses, and of dryoc.
//!
//! Each box is sealed or opened where it lies, and has one byte more than the body: the flags of the frame. Before a box is
//! opened, it is copied from where it was sealed, by everyone alike.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dryoc::classic::crypto_box as dryoc_box;
use highwater_curve::{SharedKey, TAG};

/// Bytes of body.
const SIZES: [usize; 5] = [16, 64, 256, 1024, 16384];

/// As many frames as the library seals together: what it writes at once is about 64 KiB.
fn batch_of(size: usize) -> usize {
    (64 * 1024 / (size + 34)).max(1)
}

const KEY: [u8; 32] = [7; 32];
const PREFIX: &[u8; 16] = b"CurveZMQMESSAGEC";

fn whole(counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(PREFIX);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

#[expect(unsafe_code, reason = "libsodium is C")]
mod libsodium {
    use libsodium_sys::{
        crypto_box_detached_afternm, crypto_box_open_detached_afternm, sodium_init,
    };

    use super::TAG;

    pub(super) fn init() {
        // SAFETY: it may be called at any time, by any thread.
        let done = unsafe { sodium_init() };
        assert!(done >= 0, "libsodium does not start");
    }

    pub(super) fn seal(key: &[u8; 32], nonce: &[u8; 24], boxed: &mut [u8]) {
        let (tag, text) = boxed.split_first_chunk_mut::<TAG>().expect("a box");
        let (at, len) = (text.as_mut_ptr(), text.len() as u64);
        // SAFETY: all pointers are to as many bytes as it reads and writes; it may seal in place.
        let failed = unsafe {
            crypto_box_detached_afternm(at, tag.as_mut_ptr(), at, len, nonce.as_ptr(), key.as_ptr())
        };
        assert_eq!(failed, 0);
    }

    pub(super) fn open(key: &[u8; 32], nonce: &[u8; 24], boxed: &mut [u8]) {
        let (tag, text) = boxed.split_first_chunk_mut::<TAG>().expect("a box");
        let (at, len) = (text.as_mut_ptr(), text.len() as u64);
        // SAFETY: as above.
        let failed = unsafe {
            crypto_box_open_detached_afternm(
                at,
                at,
                tag.as_ptr(),
                len,
                nonce.as_ptr(),
                key.as_ptr(),
            )
        };
        assert_eq!(failed, 0, "forged");
    }
}

fn seal(criterion: &mut Criterion) {
    libsodium::init();
    let boxes = SharedKey::from_bytes(KEY).for_nonces(PREFIX);
    let mut group = criterion.benchmark_group("seal");
    for size in SIZES {
        let mut boxed = vec![5; TAG + 1 + size];
        let mut counter = 0_u64;
        let mut next = move || {
            counter += 1;
            counter
        };
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("highwater-one", size), |bencher| {
            bencher.iter(|| boxes.seal(next().to_be_bytes(), black_box(&mut boxed)));
        });
        group.bench_function(BenchmarkId::new("libsodium", size), |bencher| {
            bencher.iter(|| libsodium::seal(&KEY, &whole(next()), black_box(&mut boxed)));
        });
        group.bench_function(BenchmarkId::new("dryoc", size), |bencher| {
            bencher.iter(|| {
                let nonce = whole(next());
                let (tag, text) = black_box(&mut boxed[..])
                    .split_first_chunk_mut::<TAG>()
                    .expect("a box");
                dryoc_box::crypto_box_detached_afternm_inplace(text, tag, &nonce, &KEY);
            });
        });
        let count = batch_of(size);
        let mut batch = vec![5; (TAG + 1 + size) * count];
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("highwater-batch", size), |bencher| {
            bencher.iter(|| {
                let boxed = black_box(&mut batch[..]).chunks_exact_mut(TAG + 1 + size);
                boxes.seal_all(boxed.map(|boxed| (next().to_be_bytes(), boxed)));
            });
        });
    }
}

fn open(criterion: &mut Criterion) {
    libsodium::init();
    let boxes = SharedKey::from_bytes(KEY).for_nonces(PREFIX);
    let mut group = criterion.benchmark_group("open");
    for size in SIZES {
        let mut sealed = vec![5; TAG + 1 + size];
        boxes.seal(1_u64.to_be_bytes(), &mut sealed);
        let mut boxed = sealed.clone();
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("highwater-one", size), |bencher| {
            bencher.iter(|| {
                boxed.copy_from_slice(black_box(&sealed));
                boxes
                    .open(1_u64.to_be_bytes(), &mut boxed)
                    .map(|_| ())
                    .expect("our own")
            });
        });
        group.bench_function(BenchmarkId::new("libsodium", size), |bencher| {
            bencher.iter(|| {
                boxed.copy_from_slice(black_box(&sealed));
                libsodium::open(&KEY, &whole(1), &mut boxed);
            });
        });
        group.bench_function(BenchmarkId::new("dryoc", size), |bencher| {
            bencher.iter(|| {
                boxed.copy_from_slice(black_box(&sealed));
                let nonce = whole(1);
                let (tag, text) = boxed.split_first_chunk_mut::<TAG>().expect("a box");
                dryoc_box::crypto_box_open_detached_afternm_inplace(text, tag, &nonce, &KEY)
                    .expect("our own");
            });
        });
        let count = batch_of(size);
        let len = TAG + 1 + size;
        let mut sealed = vec![5; len * count];
        boxes.seal_all(
            (1_u64..)
                .map(u64::to_be_bytes)
                .zip(sealed.chunks_exact_mut(len)),
        );
        let mut batch = sealed.clone();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("highwater-batch", size), |bencher| {
            bencher.iter(|| {
                batch.copy_from_slice(black_box(&sealed));
                let tags = sealed.chunks_exact(len).map(|boxed| boxed.first_chunk());
                let texts = batch.chunks_exact_mut(len).map(|boxed| &mut boxed[TAG..]);
                let both = (1_u64..).zip(tags.zip(texts));
                let all = both.map(|(counter, (tag, text))| {
                    (counter.to_be_bytes(), tag.expect("a tag"), text)
                });
                boxes.open_all(all).expect("our own");
            });
        });
    }
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
