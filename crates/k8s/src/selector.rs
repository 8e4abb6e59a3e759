//! Label selectors (`metav1.LabelSelector`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::open_enum::open_enum;

/// Picks objects by their labels; all conditions hold together, and an empty selector picks everything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default)]
    pub match_expressions: Vec<LabelExpression>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// The condition.
    pub operator: LabelOperator,
    /// Its values.
    #[serde(default)]
    pub values: Vec<String>,
}

open_enum! {
    /// Conditions on a label.
    LabelOperator {
        /// There, with one of the values.
        In = "In",
        /// Absent, or with none of the values.
        NotIn = "NotIn",
        /// There.
        Exists = "Exists",
        /// Absent.
        DoesNotExist = "DoesNotExist",
    }
}

impl LabelSelector {
    /// Whether the labels meet every condition. An unknown operator is met by nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|expression| expression.matches(labels))
    }
}

impl LabelExpression {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            LabelOperator::In => value.is_some_and(|value| self.values.contains(value)),
            LabelOperator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
            LabelOperator::Unknown(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LabelSelector;
    use serde_json::json;

    #[test]
    fn every_operator_decides_as_kubernetes_does() {
        let labels = [("team", "a"), ("env", "prod")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let cases = [
            (json!({}), true),
            (json!({"matchLabels": {"team": "a"}}), true),
            (json!({"matchLabels": {"team": "a", "env": "dev"}}), false),
            (json!({"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod", "x"]}]}), true),
            (json!({"matchExpressions": [{"key": "no", "operator": "In", "values": ["x"]}]}), false),
            (json!({"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod"]}]}), false),
            (json!({"matchExpressions": [{"key": "no", "operator": "NotIn", "values": ["x"]}]}), true),
            (json!({"matchExpressions": [{"key": "env", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "env", "operator": "DoesNotExist"}]}), false),
            (json!({"matchExpressions": [{"key": "no", "operator": "DoesNotExist"}]}), true),
            (json!({"matchExpressions": [{"key": "env", "operator": "Like", "values": ["p*"]}]}), false),
        ];
        for (selector, want) in cases {
            let read: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(read.matches(&labels), want, "{selector}");
        }
    }
}
