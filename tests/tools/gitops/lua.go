package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// Argo CD ends a script after this long.
const limit = time.Second

// run runs a script as Argo CD does where `useOpenLibs` is off: there is no string, no math and no io, and of os the time alone.
func run(script string, object map[string]any, params map[string]string) (any, error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	l.PreloadModule(lua.OsLibName, clock)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	l.SetContext(ctx)
	l.SetGlobal("obj", value(l, object))
	given := l.NewTable()
	for name, text := range params {
		given.RawSetString(name, lua.LString(text))
	}
	l.SetGlobal("actionParams", given)
	if err := l.DoString(script); err != nil {
		return nil, err
	}
	returned := l.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script returns a %s", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return nil, err
	}
	var back any
	err = json.Unmarshal(text, &back)
	return back, err
}

func clock(l *lua.LState) int {
	l.Push(l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{"date": func(l *lua.LState) int {
		if layout := l.CheckString(1); layout != "!%Y-%m-%dT%XZ" {
			l.RaiseError("os.date is asked for %s here, which it does not know", layout)
		}
		l.Push(lua.LString(time.Now().UTC().Format("2006-01-02T15:04:05Z")))
		return 1
	}}))
	return 1
}

func value(l *lua.LState, of any) lua.LValue {
	switch it := of.(type) {
	case bool:
		return lua.LBool(it)
	case string:
		return lua.LString(it)
	case int64:
		return lua.LNumber(it)
	case float64:
		return lua.LNumber(it)
	case []any:
		table := l.NewTable()
		for _, item := range it {
			table.Append(value(l, item))
		}
		return table
	case map[string]any:
		table := l.NewTable()
		for name, item := range it {
			table.RawSetString(name, value(l, item))
		}
		return table
	}
	return lua.LNil
}
