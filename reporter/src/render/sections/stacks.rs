//! What several bypass stacks of one run are called, where the reference needs no name.

use crate::figure::Figure;
use crate::record::{Pair, ReportView, Stack};

/// The figures of each bypass stack of a view. Those of another stack than the reference are named after it.
pub fn of_each_bypass(view: ReportView, mut figures_of: impl FnMut(Stack) -> Vec<Figure>) -> Vec<Figure> {
    let mut all = Vec::new();
    for stack in Stack::bypass_in_view(view) {
        let named = stack != Stack::REFERENCE_BYPASS;
        all.extend(figures_of(stack).into_iter().map(|figure| match named {
            true => {
                Figure { id: format!("{}-{}", figure.id, stack.name()), title: format!("{}: {}", stack.label(), figure.title), ..figure }
            }
            false => figure,
        }));
    }
    all
}

/// A pair in a table that has rows of several bypass stacks.
pub fn subject(pair: &Pair, stack: Stack) -> String {
    if stack == Stack::REFERENCE_BYPASS { pair.to_string() } else { format!("{pair} ({})", stack.label()) }
}

/// Every pair on every bypass stack of a view.
pub fn pairs_of_each_bypass(pairs: Vec<Pair>, view: ReportView) -> Vec<(Pair, Stack)> {
    pairs.into_iter().flat_map(|pair| Stack::bypass_in_view(view).map(move |stack| (pair.clone(), stack))).collect()
}
