//! The report as text, for a terminal.

use std::fmt;

use clearway_k8s::Severity;

use super::{PolicyReport, Report, RouteReport};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LISTENERS")?;
        for listener in &self.listeners {
            let verdict = if listener.served { "served" } else { "refused" };
            writeln!(
                f,
                "  {verdict:7} {} on port {} ({}, host {}): {} attached",
                listener.listener,
                listener.port,
                listener.protocol,
                listener.hostname,
                count(listener.attached_routes as usize, "route")
            )?;
            listener.reasons.iter().try_for_each(|reason| writeln!(f, "          {reason}"))?;
            if let Some(observed) = &listener.observability {
                writeln!(f, "          observed with {observed}")?;
            }
        }
        writeln!(f, "ROUTES")?;
        self.routes.iter().try_for_each(|route| write!(f, "{route}"))?;
        if !self.policies.is_empty() {
            writeln!(f, "POLICIES")?;
            self.policies.iter().try_for_each(|policy| write!(f, "{policy}"))?;
        }
        if !self.not_ours.is_empty() {
            writeln!(f, "NOT OURS")?;
            self.not_ours.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
        }
        if !self.problems.is_empty() {
            writeln!(f, "PROBLEMS")?;
            self.problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))?;
        }
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let warnings = self.problems.len() - errors;
        writeln!(f, "{}, {}; version {}", count(errors, "error"), count(warnings, "warning"), self.version)
    }
}

impl fmt::Display for PolicyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  ObservabilityPolicy {}/{}", self.namespace, self.name)?;
        for ancestor in &self.ancestors {
            let verdict = if ancestor.accepted { "accepted" } else { "refused" };
            writeln!(f, "    {verdict} for {}", ancestor.parent)?;
            ancestor.reasons.iter().try_for_each(|reason| writeln!(f, "      {reason}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} {}/{}", self.kind, self.namespace, self.name)?;
        for parent in &self.parents {
            let verdict = if parent.accepted { "accepted" } else { "refused" };
            writeln!(f, "    {verdict} by {}", parent.parent)?;
            parent.reasons.iter().try_for_each(|reason| writeln!(f, "      {reason}"))?;
        }
        for attachment in &self.attached {
            writeln!(f, "    attached to {} for {}", attachment.listener, attachment.hostnames.join(", "))?;
        }
        for rule in &self.rules {
            if let Some(observed) = &rule.observability {
                writeln!(f, "    rule {}: observed with {observed}", rule.rule)?;
            }
            if rule.backends.is_empty() {
                writeln!(f, "    rule {}: no backend", rule.rule)?;
            }
            for backend in &rule.backends {
                match &backend.fault {
                    None => writeln!(
                        f,
                        "    rule {}: {} weight {}, {}",
                        rule.rule,
                        backend.backend,
                        backend.weight,
                        count(backend.endpoints, "endpoint")
                    )?,
                    Some(fault) => {
                        writeln!(
                            f,
                            "    rule {}: weight {} is answered 500, {fault}",
                            rule.rule, backend.weight
                        )?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn count(number: usize, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{end}")
}
