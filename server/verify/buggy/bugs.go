package buggy

import "slices"

// A Bug is the name of a way to break the contract.
type Bug string

// Info describes a bug.
type Info struct {
	Bug       Bug
	What      string // one sentence
	Check     string // the check of a conformance runner that should find it
	Operation string // the operationId at which it shows, or one of several
}

// Bugs lists every bug, by check.
func Bugs() []Info { return slices.Clone(catalogue) }

// The checks: Schemathesis's names where it has the check.
const (
	serverError    = "not_a_server_error"
	statusCode     = "status_code_conformance"
	contentType    = "content_type_conformance"
	answerHeaders  = "response_headers_conformance"
	answerSchema   = "response_schema_conformance"
	negative       = "negative_data_rejection"
	positive       = "positive_data_acceptance"
	requiredHeader = "missing_required_header"
	method         = "unsupported_method"
	allowHeader    = "allow_header_conformance"
	afterFree      = "use_after_free"
	availability   = "ensure_resource_availability"
	auth           = "ignored_auth"
	uniqueIDs      = "unique_ids"
	paging         = "paging_laws"
	writeOnly      = "write_only_never_returned"
	idempotent     = "idempotent_delete"
	listReflects   = "list_reflects_create"
	roundTrip      = "update_round_trip"
)

// The bugs. Bugs says what each does.
const (
	LongName           Bug = "long-name-500"
	QuoteInName        Bug = "quote-500"
	AstralInName       Bug = "astral-500"
	NegativeStock      Bug = "negative-500"
	NullBody           Bug = "null-body-500"
	NameNotString      Bug = "name-type-500"
	FarPage            Bug = "far-page-500"
	OrphanedOrders     Bug = "orphaned-orders-500"
	UpdatedAfterDelete Bug = "updated-after-delete-500"

	Created202 Bug = "created-202"
	Created200 Bug = "created-200"
	Absent410  Bug = "absent-410"

	TextPlain     Bug = "text-plain"
	NoContentType Bug = "no-content-type"
	HTMLError     Bug = "html-error"

	NoLocation      Bug = "no-location"
	WrongLocation   Bug = "wrong-location"
	TotalCountText  Bug = "total-count-text"
	NoAuthChallenge Bug = "no-challenge"

	MemberMissing  Bug = "member-missing"
	MemberType     Bug = "member-type"
	MemberNull     Bug = "member-null"
	EnumUndeclared Bug = "enum-undeclared"
	DateFormat     Bug = "date-format"
	MemberExtra    Bug = "member-extra"
	TooManyTags    Bug = "too-many-tags"
	ProblemType    Bug = "problem-type"
	PaymentVague   Bug = "payment-vague"
	BrokenJSON     Bug = "broken-json"
	EmptyList      Bug = "empty-list-null"

	AnyCategory     Bug = "any-category"
	NoMaximum       Bug = "no-maximum"
	NoMinimum       Bug = "no-minimum"
	NoMaxLength     Bug = "no-max-length"
	NoMinLength     Bug = "no-min-length"
	NoPattern       Bug = "no-pattern"
	NoDateTime      Bug = "no-date-time"
	NoEmail         Bug = "no-email"
	NoMaxItems      Bug = "no-max-items"
	NoUniqueItems   Bug = "no-unique-items"
	NoMinProperties Bug = "no-min-properties"
	NothingRequired Bug = "nothing-required"
	ExtraAccepted   Bug = "extra-accepted"
	NullAccepted    Bug = "null-accepted"
	TextAsInteger   Bug = "text-as-integer"
	AnyPayment      Bug = "any-payment"
	AnyMediaType    Bug = "any-media-type"
	AnyAccountID    Bug = "any-account-id"
	AnyPageSize     Bug = "any-page-size"
	PageSizeText    Bug = "page-size-text"

	ToolRefused     Bug = "tool-refused"
	MaximumRefused  Bug = "maximum-refused"
	AbsentRefused   Bug = "absent-refused"
	NullRefused     Bug = "null-refused"
	NonASCIIRefused Bug = "non-ascii-refused"
	PageSizeRefused Bug = "page-size-refused"
	TransferRefused Bug = "transfer-refused"

	HeaderOptional Bug = "header-optional"

	UndeclaredMethod Bug = "undeclared-method"
	NoAllow          Bug = "no-allow"
	WrongAllow       Bug = "wrong-allow"

	DeletedReadable  Bug = "deleted-readable"
	DeletedUpdatable Bug = "deleted-updatable"

	CreatedItemAbsent  Bug = "created-item-absent"
	CreatedOrderAbsent Bug = "created-order-absent"

	NoAuth      Bug = "no-auth"
	WrongScheme Bug = "wrong-scheme"

	IDsRepeat Bug = "ids-repeat"

	PageOverlap Bug = "page-overlap"
	PageGap     Bug = "page-gap"
	TotalOfPage Bug = "total-of-page"
	CursorGap   Bug = "cursor-gap"
	CursorLoop  Bug = "cursor-loop"

	PasswordReturned Bug = "password-returned"

	DeletedTwice200 Bug = "deleted-twice-200"
	DeletedTwice500 Bug = "deleted-twice-500"

	ListOmitsNew Bug = "list-omits-new"

	PutLosesMember  Bug = "put-loses-member"
	PutKeepsAbsent  Bug = "put-keeps-absent"
	PatchNotStored  Bug = "patch-not-stored"
	NameCut         Bug = "name-cut"
	PatchResetsTags Bug = "patch-resets-tags"
)

var catalogue = []Info{
	{LongName, "A name of more than 64 characters, which may have 80, is answered 500.", serverError, "createItem"},
	{QuoteInName, "An apostrophe in a name is answered 500.", serverError, "createItem"},
	{AstralInName, "A character beyond the Basic Multilingual Plane in a name is answered 500.", serverError, "createItem"},
	{NegativeStock, "A negative stock is answered 500.", serverError, "createItem"},
	{NullBody, "A body that is null is answered 500.", serverError, "createAccount"},
	{NameNotString, "A name that is no string is answered 500.", serverError, "createItem"},
	{FarPage, "A page beyond 100000 is answered 500.", serverError, "listItems"},
	{OrphanedOrders, "The orders of an item that was deleted are answered 500.", serverError, "listOrders"},
	{UpdatedAfterDelete, "Updating an item that was deleted is answered 500.", serverError, "updateItem"},

	{Created202, "An item is created with the undeclared status 202.", statusCode, "createItem"},
	{Created200, "An order is created with the undeclared status 200.", statusCode, "createOrder"},
	{Absent410, "An unknown item is answered with the undeclared status 410.", statusCode, "getItem"},

	{TextPlain, "An item is shown as text/plain.", contentType, "getItem"},
	{NoContentType, "An order is shown without a Content-Type.", contentType, "getOrder"},
	{HTMLError, "An account that breaks the schema is answered 400 with text/html.", contentType, "createAccount"},

	{NoLocation, "A created item has no Location.", answerHeaders, "createItem"},
	{WrongLocation, "A created account has a Location that breaks its pattern.", answerHeaders, "createAccount"},
	{TotalCountText, "X-Total-Count is no integer.", answerHeaders, "listItems"},
	{NoAuthChallenge, "A 401 has no WWW-Authenticate.", answerHeaders, "getItem"},

	{MemberMissing, "A required member is missing from an item that is shown.", answerSchema, "getItem"},
	{MemberType, "The stock of an item that is shown is a string.", answerSchema, "getItem"},
	{MemberNull, "The names of listed items are null.", answerSchema, "listItems"},
	{EnumUndeclared, "The status of an order that is created is not among those declared.", answerSchema, "createOrder"},
	{DateFormat, "The date of an item that is created is no date-time.", answerSchema, "createItem"},
	{MemberExtra, "An item that is created shows an undeclared member.", answerSchema, "createItem"},
	{TooManyTags, "An item that is shown has more tags than declared.", answerSchema, "getItem"},
	{ProblemType, "The status in the problem of an unknown account is a string.", answerSchema, "getAccount"},
	{PaymentVague, "The payment of an order that is shown lacks its discriminator.", answerSchema, "getOrder"},
	{BrokenJSON, "A list of orders is cut off before its end.", answerSchema, "listOrders"},
	{EmptyList, "A page without items says null where an array belongs.", answerSchema, "listItems"},

	{AnyCategory, "Any text is accepted as the category.", negative, "createItem"},
	{NoMaximum, "Any stock that is not negative is accepted.", negative, "createItem"},
	{NoMinimum, "A negative stock is accepted.", negative, "createItem"},
	{NoMaxLength, "A name of any length is accepted.", negative, "createItem"},
	{NoMinLength, "A password of any length is accepted.", negative, "createAccount"},
	{NoPattern, "Any SKU of at most eight characters is accepted.", negative, "createItem"},
	{NoDateTime, "Any text is accepted as the date of availability.", negative, "createItem"},
	{NoEmail, "Any text is accepted as the e-mail address of an order.", negative, "createOrder"},
	{NoMaxItems, "Any number of tags is accepted.", negative, "createItem"},
	{NoUniqueItems, "Repeated tags are accepted.", negative, "createItem"},
	{NoMinProperties, "A change of nothing is accepted.", negative, "updateItem"},
	{NothingRequired, "An order without its quantity is accepted.", negative, "createOrder"},
	{ExtraAccepted, "An undeclared member of an item is accepted.", negative, "createItem"},
	{NullAccepted, "A name that is null is accepted.", negative, "createItem"},
	{TextAsInteger, "A stock that is a text of digits is accepted.", negative, "createItem"},
	{AnyPayment, "Any object is accepted as the payment.", negative, "createOrder"},
	{AnyMediaType, "A body of any media type is read as JSON.", negative, "createItem"},
	{AnyAccountID, "A text that is no UUID shows the account of a guest.", negative, "getAccount"},
	{AnyPageSize, "A page of more items than the maximum is accepted.", negative, "listItems"},
	{PageSizeText, "A page size that is no integer is passed over.", negative, "listItems"},

	{ToolRefused, "The declared category \"tool\" is refused.", positive, "createItem"},
	{MaximumRefused, "A stock of exactly the maximum is refused.", positive, "createItem"},
	{AbsentRefused, "An item without the optional description is refused.", positive, "createItem"},
	{NullRefused, "A description that is null is refused.", positive, "createItem"},
	{NonASCIIRefused, "A name with a character beyond ASCII is refused.", positive, "createItem"},
	{PageSizeRefused, "A page of exactly the maximal size is refused.", positive, "listItems"},
	{TransferRefused, "Payment by transfer is refused.", positive, "createOrder"},

	{HeaderOptional, "An order without the required X-Request-Token is accepted.", requiredHeader, "createOrder"},

	{UndeclaredMethod, "The undeclared DELETE of an account is answered 200.", method, "getAccount"},
	{NoAllow, "A 405 has no Allow.", allowHeader, "listItems"},
	{WrongAllow, "Allow names other methods than the path has.", allowHeader, "listItems"},

	{DeletedReadable, "A deleted item is still shown.", afterFree, "getItem"},
	{DeletedUpdatable, "A deleted item can still be updated.", afterFree, "updateItem"},

	{CreatedItemAbsent, "A created item is not found.", availability, "getItem"},
	{CreatedOrderAbsent, "A created order is not found.", availability, "getOrder"},

	{NoAuth, "Items are listed without a credential.", auth, "listItems"},
	{WrongScheme, "A credential of any other scheme opens an item.", auth, "getItem"},

	{IDsRepeat, "Every fourth account gets the id of the one before.", uniqueIDs, "createAccount"},

	{PageOverlap, "Every page but the first begins with the last item of the one before.", paging, "listItems"},
	{PageGap, "Every page but the first leaves out its first item.", paging, "listItems"},
	{TotalOfPage, "The total counts the items of the page.", paging, "listItems"},
	{CursorGap, "The cursor leaves out an order.", paging, "listOrders"},
	{CursorLoop, "The last page of orders leads back to the first.", paging, "listOrders"},

	{PasswordReturned, "An account that is shown has its password.", writeOnly, "getAccount"},

	{DeletedTwice200, "Deleting an item again is answered with the undeclared status 200.", idempotent, "deleteItem"},
	{DeletedTwice500, "Deleting an item again is answered 500.", idempotent, "deleteItem"},

	{ListOmitsNew, "The newest item is not listed.", listReflects, "listItems"},

	{PutLosesMember, "Replacing an item answers the new stock and keeps the old.", roundTrip, "replaceItem"},
	{PutKeepsAbsent, "Replacing an item keeps the weight that was left out.", roundTrip, "replaceItem"},
	{PatchNotStored, "Updating an item answers the new state and stores nothing.", roundTrip, "updateItem"},
	{NameCut, "The name of a created item is cut after 40 characters.", roundTrip, "createItem"},
	{PatchResetsTags, "Updating an item removes tags that were not mentioned.", roundTrip, "updateItem"},
}
