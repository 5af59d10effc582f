//! The Kubernetes files.

use yaml_rust2::{Yaml, YamlLoader};

use crate::{commands::Commanded, read};

const FILES: [&str; 2] = ["kubernetes/startup-check.yaml", "kubernetes/care.yaml"];

pub(crate) fn documents(file: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What is at the end of a path of keys.
fn at<'a>(yaml: &'a Yaml, path: &str) -> &'a Yaml {
    path.split('.').fold(yaml, |yaml, key| &yaml[key])
}

#[track_caller]
fn text<'a>(yaml: &'a Yaml, path: &str) -> &'a str {
    at(yaml, path).as_str().unwrap_or_else(|| panic!("no text at {path}: {yaml:?}"))
}

fn list<'a>(yaml: &'a Yaml, path: &str) -> &'a [Yaml] {
    at(yaml, path).as_vec().map_or(&[], Vec::as_slice)
}

/// The specification of each pod with the document that it is from.
fn pods() -> Vec<(Yaml, Yaml)> {
    let documents = FILES.into_iter().flat_map(documents);
    let pods = documents.filter_map(|document| {
        let pod = match text(&document, "kind") {
            "Deployment" => at(&document, "spec.template.spec"),
            "CronJob" => at(&document, "spec.jobTemplate.spec.template.spec"),
            "PersistentVolumeClaim" => return None,
            other => panic!("{other}: say here where its pod is"),
        };
        let pod = pod.clone();
        Some((document, pod))
    });
    pods.collect()
}

/// The containers that run our program.
fn ours(pod: &Yaml) -> impl Iterator<Item = &Yaml> {
    let all = list(pod, "initContainers").iter().chain(list(pod, "containers"));
    all.filter(|container| text(container, "image").starts_with("papyra:"))
}

/// The commands in all of them.
pub(crate) fn commands() -> Vec<Commanded> {
    let mut commands = Vec::new();
    for (document, pod) in pods() {
        for container in ours(&pod) {
            let env = list(container, "env").iter();
            commands.push(Commanded {
                from: text(&document, "metadata.name").to_owned(),
                args: list(container, "args").iter().map(|arg| arg.as_str().unwrap().to_owned()).collect(),
                env: env.map(|one| (text(one, "name").to_owned(), text(one, "value").to_owned())).collect(),
            });
        }
    }
    commands
}

#[test]
fn every_document_says_what_it_is() {
    for document in FILES.into_iter().flat_map(documents) {
        let api = match text(&document, "kind") {
            "Deployment" => "apps/v1",
            "CronJob" => "batch/v1",
            _ => "v1",
        };
        assert_eq!(text(&document, "apiVersion"), api);
        assert!(!text(&document, "metadata.name").is_empty());
    }
    assert_eq!(commands().len(), 5);
}

#[test]
fn our_containers_have_no_rights_and_the_version_of_the_workspace() {
    for (document, pod) in pods() {
        let name = text(&document, "metadata.name");
        assert_eq!(at(&pod, "securityContext.runAsNonRoot").as_bool(), Some(true), "{name}");
        assert_eq!(text(&pod, "securityContext.seccompProfile.type"), "RuntimeDefault", "{name}");
        let volumes: Vec<&str> = list(&pod, "volumes").iter().map(|volume| text(volume, "name")).collect();
        for container in ours(&pod) {
            assert_eq!(text(container, "image"), concat!("papyra:", env!("CARGO_PKG_VERSION")), "{name}");
            let rights = &container["securityContext"];
            assert_eq!(rights["allowPrivilegeEscalation"].as_bool(), Some(false), "{name}");
            assert_eq!(rights["readOnlyRootFilesystem"].as_bool(), Some(true), "{name}");
            assert_eq!(list(rights, "capabilities.drop")[0].as_str(), Some("ALL"), "{name}");
            assert!(at(container, "resources.limits.memory").as_str().is_some(), "{name}");
            for mount in list(container, "volumeMounts") {
                assert!(volumes.contains(&text(mount, "name")), "{name}: {mount:?}");
            }
        }
    }
}

#[test]
fn claims_that_are_used_are_made() {
    let claimed = |document: &Yaml| text(document, "kind") == "PersistentVolumeClaim";
    let documents: Vec<Yaml> = FILES.into_iter().flat_map(documents).collect();
    let made: Vec<&str> =
        documents.iter().filter(|document| claimed(document)).map(|document| text(document, "metadata.name")).collect();
    for (_, pod) in pods() {
        for volume in list(&pod, "volumes") {
            assert!(made.contains(&text(volume, "persistentVolumeClaim.claimName")), "{volume:?}");
        }
    }
}

#[test]
fn jobs_keep_out_of_each_others_way_and_stay_on_the_machine_of_the_writer() {
    let mut schedules = Vec::new();
    let (service, _) = pods().into_iter().find(|(document, _)| text(document, "kind") == "Deployment").unwrap();
    for (job, pod) in pods().into_iter().filter(|(document, _)| text(document, "kind") == "CronJob") {
        assert_eq!(text(&job, "spec.concurrencyPolicy"), "Forbid");
        assert_eq!(at(&job, "spec.jobTemplate.spec.backoffLimit").as_i64(), Some(0));
        assert_eq!(text(&pod, "restartPolicy"), "Never");
        let near = &list(&pod, "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution")[0];
        assert_eq!(at(near, "labelSelector.matchLabels"), at(&service, "spec.template.metadata.labels"));
        let schedule = text(&job, "spec.schedule").to_owned();
        assert_eq!(schedule.split(' ').count(), 5, "{schedule}");
        assert!(!schedules.contains(&schedule), "{schedule} is taken");
        schedules.push(schedule);
    }
    assert_eq!(text(&service, "spec.strategy.type"), "Recreate");
}
