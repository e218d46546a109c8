//! What the pool notices of parked connections while nobody asks for one.

use bowline_pool::CloseReason;
use tokio::time::sleep;

use crate::fitness::{FAULTS, Fault, strike, two_parked};
use crate::world::{Net, ms};

const SWEEP: std::time::Duration = std::time::Duration::from_secs(1);

// contract: pool-8
#[tokio::test(start_paused = true)]
async fn a_death_while_parked_is_noticed_within_one_sweep() {
    for (fault, death) in FAULTS {
        for since in [0, 300, 900, 2_500] {
            let net = Net::new();
            let pool = two_parked(&net).await;
            sleep(ms(since)).await;
            strike(&net, 0, fault).await;
            strike(&net, 1, fault).await;
            sleep(SWEEP).await;
            let dead = CloseReason::Dead(death);
            assert_eq!(net.reasons(), [dead; 2], "{fault:?} after {since} ms");
            assert_eq!((net.live(), pool.snapshot().open), (0, 0));
            assert_eq!(net.dials(), 2, "nobody asked for others");
        }
    }
}

// contract: pool-8
#[tokio::test(start_paused = true)]
async fn what_a_parked_connection_says_rouses_the_pool_at_once() {
    for (fault, death) in FAULTS {
        if matches!(fault, Fault::Reset) {
            // A reset in memory wakes nobody.
            continue;
        }
        let net = Net::new();
        let _pool = two_parked(&net).await;
        sleep(SWEEP + ms(300)).await;
        strike(&net, 0, fault).await;
        sleep(ms(1)).await;
        assert_eq!(net.reasons(), [CloseReason::Dead(death)], "{fault:?}");
        assert_eq!(net.live(), 1, "the other one is well");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_the_warmest_where_the_next_caller_looks() {
    let net = Net::new();
    let pool = two_parked(&net).await;
    sleep(SWEEP * 3).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 1);
}
