package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/gorilla/mux"
	middleware "github.com/oapi-codegen/nethttp-middleware"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/datafold"
)

// answers are the constants of the servers that keep nothing, as large as ours.
var (
	brmsAnswer = brms.Integration{
		Config: brms.HTTPIntegrationConfig{
			Cookies: []any{}, Headers: []any{}, Inputs: []any{}, Method: "post", Timeout: 5000,
			URL: "https://rates.example.com/v1/quote",
		},
		CreatedAt: "2026-11-21T09:30:00.000Z", UpdatedAt: "2026-11-21T09:30:00.000Z",
		Kind: "rates", Name: "Rates", Type: "http",
	}
	datafoldAnswer = datafold.BIIntegration{ID: 1, Type: "looker", BaseURL: new("https://example.cloud.looker.com:443")}
)

type brmsConstant struct{ brms.StrictServerInterface }

func (brmsConstant) GetIntegration(context.Context, brms.GetIntegrationRequestObject) (brms.GetIntegrationResponseObject, error) {
	return brms.GetIntegration200JSONResponse(brmsAnswer), nil
}

type datafoldConstant struct{ datafold.StrictServerInterface }

func (datafoldConstant) GetIntegration(context.Context, datafold.GetIntegrationRequestObject) (datafold.GetIntegrationResponseObject, error) {
	return datafold.GetIntegration200JSONResponse(datafoldAnswer), nil
}

func (datafoldConstant) CreateLookerIntegration(context.Context, datafold.CreateLookerIntegrationRequestObject) (datafold.CreateLookerIntegrationResponseObject, error) {
	return datafold.CreateLookerIntegration200JSONResponse(datafoldAnswer), nil
}

func (datafoldConstant) RemoveIntegration(context.Context, datafold.RemoveIntegrationRequestObject) (datafold.RemoveIntegrationResponseObject, error) {
	return datafold.RemoveIntegration200JSONResponse{ID: 1}, nil
}

// serve runs one of the servers that Understudy is compared with: "bare" answers
// a constant with nothing but net/http, "plain" is the generated strict server
// without validation, "stock" the same behind the stock validating middleware.
func serve(role string) error {
	handler, err := roleHandler(role)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	return http.Serve(listener, handler) //nolint:gosec // a server of a benchmark
}

func roleHandler(role string) (http.Handler, error) {
	constant := []byte(`{"status":"ok"}`)
	if role == "bare" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(constant)
		}), nil
	}
	if role != "plain" && role != "stock" {
		return nil, errors.New("unknown role " + role)
	}
	b, d := mux.NewRouter(), mux.NewRouter()
	if role == "stock" {
		for router, document := range map[*mux.Router][]byte{b: brms.Document(), d: datafold.Document()} {
			spec, err := openapi3.NewLoader().LoadFromData(document)
			if err != nil {
				return nil, err
			}
			spec.Servers = nil
			router.Use(middleware.OapiRequestValidatorWithOptions(spec, &middleware.Options{
				Options: openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
			}))
		}
	}
	brms.HandlerFromMux(brms.NewStrictHandler(brmsConstant{}, nil), b)
	datafold.HandlerFromMux(datafold.NewStrictHandler(datafoldConstant{}, nil), d)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) > 7 && r.URL.Path[:8] == "/api/v1/" {
			d.ServeHTTP(w, r)
			return
		}
		b.ServeHTTP(w, r)
	}), nil
}
