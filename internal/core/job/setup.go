package job

// Setup tells an analyser what to do. It goes into a cell without a network as the first thing; nothing in it is secret.
type Setup struct {
	Kind     string    // as Job.Kind: entities-detection ...; in real time also syntax-detection
	Language string    // LanguageCode: en; empty: the kind asks for none, or the model says it
	Limit    int64     // bytes of one document; 0: 2 MiB
	Model    bool      // a trained model follows the setup
	Format   string    // of a corpus: ONE_DOC_PER_LINE | ONE_DOC_PER_FILE
	Topics   int       // NumberOfTopics
	Pages    int       // of a PDF or Word file at most; 0: documents are text alone
	PII      *PII      `json:",omitempty"`
	Training *Training `json:",omitempty"`
}

// PII is what StartPiiEntitiesDetectionJob says besides. The result of ONLY_REDACTION is {"Redacted": text}.
type PII struct {
	Mode  string   // ONLY_OFFSETS | ONLY_REDACTION
	Types []string // PiiEntityTypes; empty or ALL: all
	Mask  string   // MASK | REPLACE_WITH_PII_ENTITY_TYPE
	Char  string   // MaskCharacter, default *
}

// Training is what CreateDocumentClassifier and CreateEntityRecognizer say besides.
type Training struct {
	Mode      string   // MULTI_CLASS | MULTI_LABEL
	Delimiter string   // between labels, default |
	Types     []string // of entities, as the caller named them
	Format    string   // of documents beside annotations: ONE_DOC_PER_LINE | ONE_DOC_PER_FILE
	Manifest  bool     // DataFormat AUGMENTED_MANIFEST
	Tested    bool     // test data is given: objects with roles that begin with test-
}

// Object introduces one object of a corpus.
type Object struct {
	Role       string   // documents | annotations | entity-list | labels | manifest, or test-documents | test-annotations | test-labels | test-manifest
	Name       string   // its file name, the last part of the key
	Attributes []string // AttributeNames of a manifest
}

// Place is which of several instances that learn together a learner is.
type Place struct {
	Index int // 0 says what came of it
	Count int
}

// The roles of objects. A classifier's CSV has Labels; a corpus without labels (topics) and the texts of a recogniser are Documents.
const (
	Documents   = "documents"
	Annotations = "annotations"
	EntityList  = "entity-list"
	Labels      = "labels"
	Manifest    = "manifest"
	Test        = "test-" // before one of them
)
