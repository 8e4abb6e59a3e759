//! The checked-in definitions are what the code says, and they allow exactly the fields that are read.

use clearway_k8s::{Object, crd, validate};
use serde_json::{Value, json};

fn shipped(name: &str) -> (std::path::PathBuf, String) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

#[test]
fn the_files_are_what_the_code_says() {
    for crd in crd::all() {
        let want = crd.to_yaml().unwrap();
        let (path, text) = shipped(&crd.name);
        if std::env::var_os("UPDATE_CRDS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &want).unwrap();
            continue;
        }
        assert_eq!(text, want, "{}: run the test with UPDATE_CRDS=1", path.display());
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, crd.object);
    }
}

/// An object that has every field of a schema.
fn fill(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.last()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().cloned().unwrap_or_default();
            fields.into_iter().map(|(name, schema)| (name, fill(&schema))).collect()
        }
        Some("array") => json!([fill(&schema["items"])]),
        Some("integer") => schema["maximum"].clone(),
        Some("boolean") => json!(true),
        _ if schema["maxLength"] == 45 => json!("192.0.2.1"),
        _ if schema["maxLength"] == 0 => json!(""),
        _ => json!("a.example"),
    }
}

#[test]
fn every_field_of_a_schema_is_read_and_enums_are_those_that_validation_knows() {
    for crd in crd::all() {
        let version = &crd.object["spec"]["versions"][0];
        let mut object = fill(&version["schema"]["openAPIV3Schema"]);
        let group = crd.object["spec"]["group"].as_str().unwrap();
        object["apiVersion"] = json!(format!("{group}/{}", version["name"].as_str().unwrap()));
        object["kind"] = crd.object["spec"]["names"]["kind"].clone();
        object["metadata"] = json!({"name": "x", "namespace": "default"});
        let loaded = Object::read(object).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.unknown_fields, Vec::<String>::new());
        // Fields that exclude each other are all there, so something is refused; a value that is not known is not it.
        let unknown: Vec<_> = validate(&loaded.object)
            .into_iter()
            .filter(|error| error.message.contains("not supported"))
            .collect();
        assert_eq!(unknown, []);
    }
}

#[test]
fn a_field_that_is_read_is_in_the_schema() {
    let all = crd::all();
    let spec = &all[0].object["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let paths = [
        "/properties/endpoints/items/properties/host",
        "/properties/endpoints/items/properties/ip",
        "/properties/endpoints/items/properties/port",
        "/properties/protocol",
        "/properties/tls/properties/hostname",
        "/properties/tls/properties/caCertificateRef/properties/name",
        "/properties/tls/properties/system",
        "/properties/tls/properties/subjectAltNames/items/properties/uri",
    ];
    for path in paths {
        assert!(spec.pointer(path).is_some(), "{path}");
    }
}
