module realtime-operator.dev/tests/cluster/node

go 1.26.0
