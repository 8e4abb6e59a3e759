//! HTTPRoutes and GRPCRoutes as YAML.

/// A route in the namespace `default`.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) name: String,
    kind: &'static str,
    parents: String,
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

impl Route {
    /// An HTTPRoute without a parent.
    pub fn http(name: &str) -> Self {
        Self::of_kind("HTTPRoute", name)
    }

    /// A GRPCRoute without a parent.
    pub fn grpc(name: &str) -> Self {
        Self::of_kind("GRPCRoute", name)
    }

    fn of_kind(kind: &'static str, name: &str) -> Self {
        Self { name: name.to_owned(), kind, parents: String::new(), hostnames: Vec::new(), rules: Vec::new() }
    }

    /// Attaches to every listener of a Gateway.
    pub fn parent(self, gateway: &str) -> Self {
        self.parent_yaml(&format!("name: {gateway}"))
    }

    /// Attaches to one listener of a Gateway.
    pub fn parent_section(self, gateway: &str, listener: &str) -> Self {
        self.parent_yaml(&format!("name: {gateway}\nsectionName: {listener}"))
    }

    /// Adds a parent reference written by hand, not indented.
    pub fn parent_yaml(mut self, yaml: &str) -> Self {
        self.parents.push_str(&item(yaml, 2));
        self
    }

    /// Adds a hostname, a wildcard perhaps.
    pub fn hostname(mut self, hostname: &str) -> Self {
        self.hostnames.push(hostname.to_owned());
        self
    }

    /// Adds a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The object.
    pub fn yaml(&self) -> String {
        let mut text = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: {}\nmetadata:\n  name: {}\n  namespace: default\nspec:\n",
            self.kind, self.name
        );
        if !self.parents.is_empty() {
            text.push_str(&format!("  parentRefs:\n{}", self.parents));
        }
        if !self.hostnames.is_empty() {
            text.push_str("  hostnames:\n");
            for hostname in &self.hostnames {
                text.push_str(&format!("  - \"{hostname}\"\n"));
            }
        }
        if !self.rules.is_empty() {
            text.push_str("  rules:\n");
            for rule in &self.rules {
                text.push_str(&item(&rule.text(), 2));
            }
        }
        text
    }
}

/// One rule of a route. An HTTPRoute's rule without a match takes everything.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    name: Option<String>,
    matches: String,
    filters: String,
    backends: String,
    rest: String,
}

impl Rule {
    /// A rule without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names it.
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Adds a match by path prefix.
    pub fn prefix(self, path: &str) -> Self {
        self.matching(&format!("path:\n  type: PathPrefix\n  value: \"{path}\""))
    }

    /// Adds a match by the exact path.
    pub fn exact(self, path: &str) -> Self {
        self.matching(&format!("path:\n  type: Exact\n  value: \"{path}\""))
    }

    /// Adds a GRPCRoute's match by service and method.
    pub fn grpc_method(self, service: &str, method: &str) -> Self {
        self.matching(&format!("method:\n  service: {service}\n  method: {method}"))
    }

    /// Adds a match written by hand: one entry of `matches`, not indented.
    pub fn matching(mut self, yaml: &str) -> Self {
        self.matches.push_str(&item(yaml, 0));
        self
    }

    /// Adds a filter written by hand: one entry of `filters`, not indented.
    pub fn filter(mut self, yaml: &str) -> Self {
        self.filters.push_str(&item(yaml, 0));
        self
    }

    /// Adds port 80 of a Service.
    pub fn backend(self, service: &str) -> Self {
        self.backend_yaml(&format!("name: {service}\nport: 80"))
    }

    /// Adds port 80 of a Service with a weight.
    pub fn weighted(self, service: &str, weight: u32) -> Self {
        self.backend_yaml(&format!("name: {service}\nport: 80\nweight: {weight}"))
    }

    /// Adds a backend reference written by hand, not indented.
    pub fn backend_yaml(mut self, yaml: &str) -> Self {
        self.backends.push_str(&item(yaml, 0));
        self
    }

    /// Adds fields written by hand, such as `timeouts` and `retry`, not indented.
    pub fn yaml(mut self, yaml: &str) -> Self {
        self.rest.push_str(yaml.trim_end());
        self.rest.push('\n');
        self
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(name) = &self.name {
            text.push_str(&format!("name: {name}\n"));
        }
        for (field, items) in
            [("matches", &self.matches), ("filters", &self.filters), ("backendRefs", &self.backends)]
        {
            if !items.is_empty() {
                text.push_str(&format!("{field}:\n{items}"));
            }
        }
        text.push_str(&self.rest);
        if text.is_empty() {
            text.push_str("{}\n");
        }
        text
    }
}

/// A YAML text as an item of a list that stands so many spaces to the right.
pub(super) fn item(yaml: &str, spaces: usize) -> String {
    let pad = " ".repeat(spaces);
    let mut out = String::new();
    for (number, line) in yaml.trim_end().lines().enumerate() {
        out.push_str(&format!("{pad}{} {line}\n", if number == 0 { "-" } else { " " }));
    }
    out
}
