//! temporary
use local_cluster::{LocalCluster, Options};
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let nodes = std::env::args().nth(1).map_or(1, |n| n.parse().expect("n"));
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let began = std::time::Instant::now();
    let mut cluster =
        LocalCluster::start(&assets, Options { nodes, controller_manager: true, ..Options::default() }).await?;
    eprintln!("started in {:?}", began.elapsed());
    println!("{}", cluster.kubeconfig().display());
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line)? > 0 {
        let began = std::time::Instant::now();
        match line.trim() {
            "etcd-" => cluster.stop_etcd().await?,
            "etcd+" => cluster.start_etcd().await?,
            "k-" => cluster.stop_kubelet(1).await?,
            "k+" => cluster.start_kubelet(1).await?,
            path => cluster.import_image(std::path::Path::new(path)).await?,
        }
        eprintln!("{} {:?}", line.trim(), began.elapsed());
        line.clear();
    }
    let began = std::time::Instant::now();
    cluster.stop().await?;
    eprintln!("stopped in {:?}", began.elapsed());
    Ok(())
}
