//! A cluster of three masters.

use std::time::Duration;

use super::server::Server;

/// Three masters that share the slots between them.
#[derive(Debug)]
pub(crate) struct Cluster(Vec<Server>);

impl Cluster {
    pub(crate) fn start() -> Cluster {
        let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "3000"];
        let nodes: Vec<Server> = (0..3).map(|_| Server::with(&settings)).collect();
        let bounds = [0, 5461, 10923, 16384];
        for (at, node) in nodes.iter().enumerate() {
            let mut client = node.client();
            let range = [bounds[at].to_string(), (bounds[at + 1] - 1).to_string()];
            client.call(["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
            client.call(["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        for node in &nodes[1..] {
            nodes[0].client().call(["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        let cluster = Cluster(nodes);
        for _ in 0..2000 {
            if cluster.0.iter().all(|node| {
                let info = node.client().call(["CLUSTER", "INFO"]).text();
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            }) {
                return cluster;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the nodes do not find each other");
    }

    pub(crate) fn nodes(&mut self) -> &mut [Server] {
        &mut self.0
    }

    pub(crate) fn addresses(&self) -> Vec<(String, u16)> {
        self.0.iter().map(|node| ("127.0.0.1".to_owned(), node.port())).collect()
    }

    /// The address of a log on it, with these options.
    pub(crate) fn url(&self, options: &str) -> String {
        let hosts: Vec<String> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}?{options}", hosts.join(","))
    }
}
