//! A dialer that asks the budget first. What it dials with decides all else.

use std::mem;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::DialBudget;
use crate::{BoxError, DialStep, Dialing, Endpoint};

/// Puts a budget over a dialer.
#[derive(Debug, Clone)]
pub struct DialBudgetLayer {
    budget: DialBudget,
}

/// A dialer under a budget: see [`DialBudgetLayer`].
///
/// Its errors are those of the dialer, and [`Refused`](super::Refused) where
/// nobody was called.
///
/// Readiness is the dialer's alone. It reserves nothing of the budget, so a
/// ready clone that is never called, or dropped, keeps nobody waiting. A dial
/// stands in line from the first poll of its future.
///
/// # Cancellation
///
/// A dial that is dropped in line leaves it; one dropped under way gives its
/// place back, and what it had opened is closed by the dialer.
#[derive(Debug, Clone)]
pub struct Budgeted<C> {
    budget: DialBudget,
    dialer: C,
}

// === impl DialBudgetLayer ===

impl DialBudgetLayer {
    /// Shares `budget` with every dialer it is put over.
    pub fn new(budget: DialBudget) -> Self {
        Self { budget }
    }
}

impl<C> Layer<C> for DialBudgetLayer {
    type Service = Budgeted<C>;

    fn layer(&self, dialer: C) -> Budgeted<C> {
        Budgeted {
            budget: self.budget.clone(),
            dialer,
        }
    }
}

// === impl Budgeted ===

impl<C> Service<Endpoint> for Budgeted<C>
where
    C: Service<Endpoint, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Dialing<C::Response, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dialer.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        // The clone was not asked whether it is ready; the one that was goes.
        let clone = self.dialer.clone();
        let mut ready = mem::replace(&mut self.dialer, clone);
        let budget = self.budget.clone();
        Dialing::new(async move {
            let _place = DialStep::InLine.during(budget.admit(&endpoint)).await?;
            ready.call(endpoint).await.map_err(Into::into)
        })
    }
}
