package s3

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// configurations are the rows of what buckets can have on AWS and none has here. Reading tells as AWS does of a bucket that has none,
// which is the truth; setting is refused, except to what is the case already.
func (s *Service) configurations() []api.Rower {
	type item = store.Item[Bucket]
	none := func(b item, code, message string) error {
		return fault.New(code, "%s", message).With(404).Field("BucketName", b.ID)
	}
	refuse := func(what string) error {
		return fault.Of(fault.NotImplemented, "%s is not served by Cloister, so it cannot be turned on.", what)
	}
	body := []string{"ContentMD5", "ChecksumAlgorithm"}
	return []api.Rower{
		onBucketRow("GetBucketWebsite", nil, func(_ *api.Call, b item, _ *shape.GetBucketWebsiteRequest) (*shape.GetBucketWebsiteOutput, error) {
			return nil, none(b, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
		}, nil),
		onBucketRow[shape.PutBucketWebsiteRequest, shape.PutBucketWebsiteOutput]("PutBucketWebsite", append([]string{"WebsiteConfiguration.*"}, body...), nil,
			func(*api.Call, *item, *shape.PutBucketWebsiteRequest) error { return refuse("Website hosting") }),
		onBucketRow[shape.DeleteBucketWebsiteRequest, shape.DeleteBucketWebsiteOutput]("DeleteBucketWebsite", nil, nil,
			func(*api.Call, *item, *shape.DeleteBucketWebsiteRequest) error { return nil }),
		onBucketRow("GetBucketReplication", nil, func(_ *api.Call, b item, _ *shape.GetBucketReplicationRequest) (*shape.GetBucketReplicationOutput, error) {
			return nil, none(b, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
		}, nil),
		onBucketRow[shape.DeleteBucketReplicationRequest, shape.DeleteBucketReplicationOutput]("DeleteBucketReplication", nil, nil,
			func(*api.Call, *item, *shape.DeleteBucketReplicationRequest) error { return nil }),
		onBucketRow("GetBucketLogging", nil, func(*api.Call, item, *shape.GetBucketLoggingRequest) (*shape.GetBucketLoggingOutput, error) {
			return &shape.GetBucketLoggingOutput{}, nil
		}, nil),
		onBucketRow[shape.PutBucketLoggingRequest, shape.PutBucketLoggingOutput]("PutBucketLogging", append([]string{"BucketLoggingStatus.*"}, body...), nil,
			func(_ *api.Call, _ *item, in *shape.PutBucketLoggingRequest) error {
				if in.BucketLoggingStatus != nil && in.BucketLoggingStatus.LoggingEnabled != nil {
					return refuse("Server access logging")
				}
				return nil
			}),
		onBucketRow("GetBucketAccelerateConfiguration", nil, func(*api.Call, item, *shape.GetBucketAccelerateConfigurationRequest) (*shape.GetBucketAccelerateConfigurationOutput, error) {
			return &shape.GetBucketAccelerateConfigurationOutput{}, nil
		}, nil),
		onBucketRow[shape.PutBucketAccelerateConfigurationRequest, shape.PutBucketAccelerateConfigurationOutput]("PutBucketAccelerateConfiguration",
			[]string{"AccelerateConfiguration.*", "ChecksumAlgorithm"}, nil, func(_ *api.Call, _ *item, in *shape.PutBucketAccelerateConfigurationRequest) error {
				if in.AccelerateConfiguration == nil || str(in.AccelerateConfiguration.Status) != "Suspended" {
					return refuse("Transfer acceleration")
				}
				return nil
			}),
		onBucketRow("GetBucketRequestPayment", nil, func(*api.Call, item, *shape.GetBucketRequestPaymentRequest) (*shape.GetBucketRequestPaymentOutput, error) {
			return &shape.GetBucketRequestPaymentOutput{Payer: ptr("BucketOwner")}, nil
		}, nil),
		onBucketRow[shape.PutBucketRequestPaymentRequest, shape.PutBucketRequestPaymentOutput]("PutBucketRequestPayment", append([]string{"RequestPaymentConfiguration.*"}, body...), nil,
			func(_ *api.Call, _ *item, in *shape.PutBucketRequestPaymentRequest) error {
				if in.RequestPaymentConfiguration == nil || str(in.RequestPaymentConfiguration.Payer) != "BucketOwner" {
					return refuse("Requester pays")
				}
				return nil
			}),
		onBucketRow("GetBucketNotificationConfiguration", nil, func(*api.Call, item, *shape.GetBucketNotificationConfigurationRequest) (*shape.NotificationConfiguration, error) {
			return &shape.NotificationConfiguration{}, nil
		}, nil),
		onBucketRow[shape.PutBucketNotificationConfigurationRequest, shape.PutBucketNotificationConfigurationOutput]("PutBucketNotificationConfiguration",
			[]string{"NotificationConfiguration.*", "SkipDestinationValidation"}, nil, func(_ *api.Call, _ *item, in *shape.PutBucketNotificationConfigurationRequest) error {
				n := in.NotificationConfiguration
				if n != nil && (len(n.TopicConfigurations)+len(n.QueueConfigurations)+len(n.LambdaFunctionConfigurations) > 0 || n.EventBridgeConfiguration != nil) {
					return refuse("What notifications go to (SNS, SQS, Lambda, EventBridge)")
				}
				return nil
			}),
		onBucketRow("ListBucketAnalyticsConfigurations", []string{"ContinuationToken"},
			func(*api.Call, item, *shape.ListBucketAnalyticsConfigurationsRequest) (*shape.ListBucketAnalyticsConfigurationsOutput, error) {
				return &shape.ListBucketAnalyticsConfigurationsOutput{IsTruncated: ptr(false)}, nil
			}, nil),
		onBucketRow("ListBucketIntelligentTieringConfigurations", []string{"ContinuationToken"},
			func(*api.Call, item, *shape.ListBucketIntelligentTieringConfigurationsRequest) (*shape.ListBucketIntelligentTieringConfigurationsOutput, error) {
				return &shape.ListBucketIntelligentTieringConfigurationsOutput{IsTruncated: ptr(false)}, nil
			}, nil),
		onBucketRow("ListBucketInventoryConfigurations", []string{"ContinuationToken"},
			func(*api.Call, item, *shape.ListBucketInventoryConfigurationsRequest) (*shape.ListBucketInventoryConfigurationsOutput, error) {
				return &shape.ListBucketInventoryConfigurationsOutput{IsTruncated: ptr(false)}, nil
			}, nil),
		onBucketRow("ListBucketMetricsConfigurations", []string{"ContinuationToken"},
			func(*api.Call, item, *shape.ListBucketMetricsConfigurationsRequest) (*shape.ListBucketMetricsConfigurationsOutput, error) {
				return &shape.ListBucketMetricsConfigurationsOutput{IsTruncated: ptr(false)}, nil
			}, nil),
	}
}
