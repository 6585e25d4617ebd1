// Program gitops says of an object what Argo CD and Flux say of it. Each line of standard input is a question, and each line of standard
// output the answer to it: Argo CD's scripts run in the Lua that Argo CD has, with no more of its library than Argo CD gives them; Flux'
// own code computes the kstatus and evaluates the expressions of `healthCheckExprs`.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	// health, discovery, action, kstatus or flux.
	Ask    string                            `json:"ask"`
	Object json.RawMessage                   `json:"object"`
	Script string                            `json:"script"`
	Params map[string]string                 `json:"params"`
	Exprs  *kustomize.HealthCheckExpressions `json:"exprs"`
}

type answer struct {
	Answer any    `json:"answer,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		said, err := of(in.Bytes())
		reply := answer{Answer: said}
		if err != nil {
			reply = answer{Error: err.Error()}
		}
		if err := out.Encode(reply); err != nil {
			panic(err)
		}
	}
}

func of(line []byte) (any, error) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return nil, err
	}
	switch asked.Ask {
	case "health", "discovery":
		return run(asked.Script, object.Object, nil)
	case "action":
		return patch(asked, object.Object)
	case "kstatus":
		return status.Compute(object)
	case "flux":
		if asked.Exprs == nil {
			return nil, errors.New("no expressions")
		}
		evaluator, err := cel.NewStatusEvaluator(asked.Exprs)
		if err != nil {
			return nil, err
		}
		return evaluator.Evaluate(context.Background(), object)
	}
	return nil, fmt.Errorf("nobody knows %q", asked.Ask)
}

// The merge patch that Argo CD sends for what an action gives back.
func patch(asked question, before map[string]any) (any, error) {
	after, err := run(asked.Script, before, asked.Params)
	if err != nil {
		return nil, err
	}
	old, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	changed, err := json.Marshal(emptied(after, before))
	if err != nil {
		return nil, err
	}
	made, err := jsonpatch.CreateMergePatch(old, changed)
	return json.RawMessage(bytes.TrimSpace(made)), err
}

// An empty table of Lua's is a list in JSON; where an object was before, it is one still.
func emptied(after, before any) any {
	switch was := before.(type) {
	case map[string]any:
		if list, ok := after.([]any); ok && len(list) == 0 {
			return map[string]any{}
		}
		if now, ok := after.(map[string]any); ok {
			for name, value := range now {
				now[name] = emptied(value, was[name])
			}
		}
	case []any:
		if now, ok := after.([]any); ok && len(now) == len(was) {
			for i, value := range now {
				now[i] = emptied(value, was[i])
			}
		}
	}
	return after
}
