package iam

import (
	"strings"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// providerRows are about identity providers. There are none: whoever trusts a token must be able to fetch the keys that it was
// signed with, and Cloister asks nobody outside.
func (s *Service) providerRows() []api.Rower {
	return []api.Rower{
		refusing[shape.CreateOpenIDConnectProviderRequest, shape.CreateOpenIDConnectProviderResponse]("CreateOpenIDConnectProvider",
			[]string{"Url", "ClientIDList", "ThumbprintList", "Tags.*"}, s.mayProvide,
			func(*api.Call, store.View, *shape.CreateOpenIDConnectProviderRequest) error {
				return cannot("Cloister asks no identity provider for its keys, so one that could never be believed is not made.")
			}),
		api.Op[shape.ListOpenIDConnectProvidersRequest, shape.ListOpenIDConnectProvidersResponse]{Name: "ListOpenIDConnectProviders",
			Questions: anywhere[shape.ListOpenIDConnectProvidersRequest]("iam:ListOpenIDConnectProviders"),
			View: func(*api.Call, store.View, *shape.ListOpenIDConnectProvidersRequest) (*shape.ListOpenIDConnectProvidersResponse, error) {
				return &shape.ListOpenIDConnectProvidersResponse{OpenIDConnectProviderList: []shape.OpenIDConnectProviderListEntry{}}, nil
			},
		},
		api.Op[shape.GetOpenIDConnectProviderRequest, shape.GetOpenIDConnectProviderResponse]{Name: "GetOpenIDConnectProvider", Honours: []string{"OpenIDConnectProviderArn"},
			Questions: onProvider("GetOpenIDConnectProvider", func(in *shape.GetOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }),
			View: func(_ *api.Call, _ store.View, in *shape.GetOpenIDConnectProviderRequest) (*shape.GetOpenIDConnectProviderResponse, error) {
				return nil, noProvider(in.OpenIDConnectProviderArn)
			},
		},
		api.Op[shape.ListOpenIDConnectProviderTagsRequest, shape.ListOpenIDConnectProviderTagsResponse]{Name: "ListOpenIDConnectProviderTags",
			Honours:   []string{"OpenIDConnectProviderArn", "Marker", "MaxItems"},
			Questions: onProvider("ListOpenIDConnectProviderTags", func(in *shape.ListOpenIDConnectProviderTagsRequest) *string { return in.OpenIDConnectProviderArn }),
			View: func(_ *api.Call, _ store.View, in *shape.ListOpenIDConnectProviderTagsRequest) (*shape.ListOpenIDConnectProviderTagsResponse, error) {
				return nil, noProvider(in.OpenIDConnectProviderArn)
			},
		},
		// The one deletion that AWS calls idempotent: of what is not there it is done.
		api.Op[shape.DeleteOpenIDConnectProviderRequest, shape.DeleteOpenIDConnectProviderOutput]{Name: "DeleteOpenIDConnectProvider", Honours: []string{"OpenIDConnectProviderArn"},
			Questions: onProvider("DeleteOpenIDConnectProvider", func(in *shape.DeleteOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }),
			Act: func(*api.Call, store.Tx, *shape.DeleteOpenIDConnectProviderRequest) (*shape.DeleteOpenIDConnectProviderOutput, error) {
				return &shape.DeleteOpenIDConnectProviderOutput{}, nil
			},
		},
		refusing[shape.AddClientIDToOpenIDConnectProviderRequest, shape.AddClientIDToOpenIDConnectProviderOutput]("AddClientIDToOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", "ClientID"},
			onProvider("AddClientIDToOpenIDConnectProvider", func(in *shape.AddClientIDToOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn }),
			func(_ *api.Call, _ store.View, in *shape.AddClientIDToOpenIDConnectProviderRequest) error {
				return noProvider(in.OpenIDConnectProviderArn)
			}),
		refusing[shape.RemoveClientIDFromOpenIDConnectProviderRequest, shape.RemoveClientIDFromOpenIDConnectProviderOutput]("RemoveClientIDFromOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", "ClientID"},
			onProvider("RemoveClientIDFromOpenIDConnectProvider", func(in *shape.RemoveClientIDFromOpenIDConnectProviderRequest) *string {
				return in.OpenIDConnectProviderArn
			}),
			func(_ *api.Call, _ store.View, in *shape.RemoveClientIDFromOpenIDConnectProviderRequest) error {
				return noProvider(in.OpenIDConnectProviderArn)
			}),
		refusing[shape.UpdateOpenIDConnectProviderThumbprintRequest, shape.UpdateOpenIDConnectProviderThumbprintOutput]("UpdateOpenIDConnectProviderThumbprint", []string{"OpenIDConnectProviderArn", "ThumbprintList"},
			onProvider("UpdateOpenIDConnectProviderThumbprint", func(in *shape.UpdateOpenIDConnectProviderThumbprintRequest) *string {
				return in.OpenIDConnectProviderArn
			}),
			func(_ *api.Call, _ store.View, in *shape.UpdateOpenIDConnectProviderThumbprintRequest) error {
				return noProvider(in.OpenIDConnectProviderArn)
			}),
		refusing[shape.TagOpenIDConnectProviderRequest, shape.TagOpenIDConnectProviderOutput]("TagOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", "Tags.*"},
			onProvider("TagOpenIDConnectProvider", func(in *shape.TagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
				func(in *shape.TagOpenIDConnectProviderRequest, k keyset) { requestTags(k, in.Tags) }),
			func(_ *api.Call, _ store.View, in *shape.TagOpenIDConnectProviderRequest) error {
				return noProvider(in.OpenIDConnectProviderArn)
			}),
		refusing[shape.UntagOpenIDConnectProviderRequest, shape.UntagOpenIDConnectProviderOutput]("UntagOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", "TagKeys"},
			onProvider("UntagOpenIDConnectProvider", func(in *shape.UntagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
				func(in *shape.UntagOpenIDConnectProviderRequest, k keyset) { tagKeys(k, in.TagKeys) }),
			func(_ *api.Call, _ store.View, in *shape.UntagOpenIDConnectProviderRequest) error {
				return noProvider(in.OpenIDConnectProviderArn)
			}),
	}
}

func noProvider(name *string) error {
	return absent("OpenIDConnect Provider not found for arn %s", deref(name))
}

// onProvider asks about a provider by its ARN.
func onProvider[I any](action string, name func(*I) *string, more ...func(*I, keyset)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(_ *api.Call, _ store.View, in *I) ([]api.Question, error) {
		q := api.Question{Action: "iam:" + action, Resource: "*", Keys: keyset{}}
		if n := deref(name(in)); n != "" {
			q.Resource = n
		}
		for _, f := range more {
			f(in, q.Keys)
		}
		return []api.Question{q}, nil
	}
}

// mayProvide asks about the provider that would be, and about its tags if it is born with some.
func (s *Service) mayProvide(c *api.Call, _ store.View, in *shape.CreateOpenIDConnectProviderRequest) ([]api.Question, error) {
	q := api.Question{Action: "iam:CreateOpenIDConnectProvider", Resource: s.arn(c.Account, "oidc-provider/"+strings.TrimPrefix(deref(in.Url), "https://")), Keys: keyset{}}
	requestTags(q.Keys, in.Tags)
	if len(in.Tags) == 0 {
		return []api.Question{q}, nil
	}
	tag := q
	tag.Action = "iam:TagOpenIDConnectProvider"
	return []api.Question{q, tag}, nil
}
