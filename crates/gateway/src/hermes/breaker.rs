//! A circuit breaker: a service that fails again and again is left alone for a while, and then asked
//! once, to see.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Breaking {
    /// So many failures in a row open it.
    pub failures: u32,
    /// For so long at first; twice as long each time that it opens again at once.
    pub rest: Duration,
    /// And no longer than this.
    pub most: Duration,
}

/// The breaker of one service.
pub struct Breaker {
    breaking: Breaking,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// How often it opened since the service last answered.
    opened: u32,
    closed_until: Option<Instant>,
    /// Since when somebody tries whether it is well again.
    trying: Option<Instant>,
}

/// A try whose tester never came back is believed lost after so long.
const TRIAL: Duration = Duration::from_secs(60);

impl Breaker {
    /// One that lets all through.
    pub fn new(breaking: Breaking) -> Self {
        Self {
            breaking,
            state: Mutex::default(),
        }
    }

    /// Whether the service may be asked now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        let Some(until) = state.closed_until else {
            return Ok(());
        };
        if now < until {
            return Err(until - now);
        }
        // One goes ahead; what it finds is for all.
        if let Some(since) = state.trying
            && now < since + TRIAL
        {
            return Err(since + TRIAL - now);
        }
        state.trying = Some(now);
        Ok(())
    }

    /// It answered.
    pub fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// It failed. `jitter`, of 0 to 1, keeps processes from coming back all at once; where the service
    /// said for how long it wants to be left alone, it is.
    pub fn failed(&self, now: Instant, jitter: f64, asked_for: Option<Duration>) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let was_trial = state.trying.take().is_some();
        if !was_trial && state.failures < self.breaking.failures && asked_for.is_none() {
            return;
        }
        let Breaking { rest, most, .. } = self.breaking;
        let doubled = rest.saturating_mul(1 << state.opened.min(16)).min(most);
        let rest = doubled.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let until = now + asked_for.map_or(rest, |asked| asked.min(most).max(rest));
        state.closed_until = Some(state.closed_until.map_or(until, |other| other.max(until)));
        state.opened = state.opened.saturating_add(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(Breaking {
            failures: 3,
            rest: SECOND,
            most: SECOND * 4,
        })
    }

    #[test]
    fn it_opens_lets_one_try_and_closes() {
        let (breaker, start) = (breaker(), Instant::now());
        for _ in 0..2 {
            breaker.failed(start, 1.0, None);
            assert_eq!(breaker.ask(start), Ok(()));
        }
        breaker.failed(start, 1.0, None);
        assert_eq!(breaker.ask(start), Err(SECOND));
        let later = start + SECOND;
        assert_eq!(breaker.ask(later), Ok(()));
        assert!(breaker.ask(later).is_err(), "two try");
        breaker.failed(later, 1.0, None);
        assert_eq!(breaker.ask(later), Err(SECOND * 2));
        let later = later + SECOND * 2;
        assert_eq!(breaker.ask(later), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.ask(later), Ok(()));
        assert_eq!(breaker.ask(later), Ok(()));
    }

    #[test]
    fn rests_are_spread_bounded_and_as_long_as_was_asked_for() {
        let start = Instant::now();
        let rest_after = |jitter, asked_for| {
            let breaker = breaker();
            breaker.failed(start, jitter, asked_for);
            breaker.ask(start)
        };
        assert_eq!(rest_after(1.0, None), Ok(()));
        assert_eq!(rest_after(0.0, Some(SECOND * 3)), Err(SECOND * 3));
        assert_eq!(rest_after(0.0, Some(SECOND * 3600)), Err(SECOND * 4));
        assert_eq!(rest_after(0.0, Some(Duration::ZERO)), Err(SECOND / 2));
        let breaker = breaker();
        for _ in 0..40 {
            breaker.failed(start, 1.0, None);
        }
        assert_eq!(breaker.ask(start), Err(SECOND * 4));
    }
}
