"""The shapes of requests about lists, templates, subscriptions and suppressions."""

from typing import Literal

from klaviyo_sink.sandbox.shapes.base import Shape, absent

OptIn = Literal["double_opt_in", "single_opt_in"]


class ListAttributes(Shape):
    """A list's name."""

    name: str
    opt_in_process: OptIn | None = None


class NewList(Shape):
    """`ListCreateQueryResourceObject`."""

    type: Literal["list"]
    attributes: ListAttributes


class ListRequest(Shape):
    """`POST /api/lists`."""

    data: NewList


class ListChange(Shape):
    """What may be changed of a list."""

    name: str | None = None
    opt_in_process: OptIn | None = None


class ListUpdate(Shape):
    """`ListPartialUpdateQueryResourceObject`."""

    type: Literal["list"]
    id: str
    attributes: ListChange


class ListUpdateRequest(Shape):
    """`PATCH /api/lists/{id}`."""

    data: ListUpdate


class ListOnly(Shape):
    """A list by its id."""

    type: Literal["list"]
    id: str


class SegmentOnly(Shape):
    """A segment by its id."""

    type: Literal["segment"]
    id: str


class ListData(Shape):
    """`data` around a list."""

    data: ListOnly = absent()


class SegmentData(Shape):
    """`data` around a segment."""

    data: SegmentOnly = absent()


class ListRelationship(Shape):
    """The list to join or leave."""

    list: ListData = absent()


class Yes(Shape):
    """A person's consent, and when it was given."""

    consent: Literal["SUBSCRIBED"]
    consented_at: str | None = None


class YesToMarketing(Shape):
    """Consent to a channel's marketing."""

    marketing: Yes | None = None


class YesByChannel(Shape):
    """Consent by channel."""

    email: YesToMarketing | None = None
    sms: YesToMarketing | None = None


class Subscriber(Shape):
    """A person and their consents."""

    email: str | None = None
    phone_number: str | None = None
    subscriptions: YesByChannel
    age_gated_date_of_birth: str | None = None


class SubscribedProfile(Shape):
    """A person who consents."""

    type: Literal["profile"]
    id: str | None = None
    attributes: Subscriber


class SubscribedProfiles(Shape):
    """`data` around the people who consent."""

    data: list[SubscribedProfile]


class SubscribeAttributes(Shape):
    """All who consent. `historical_import`: they did so in the past."""

    custom_source: str | None = None
    profiles: SubscribedProfiles
    historical_import: bool | None = None


class Subscribe(Shape):
    """`SubscriptionCreateJobCreateQueryResourceObject`."""

    type: Literal["profile-subscription-bulk-create-job"]
    attributes: SubscribeAttributes
    relationships: ListRelationship = absent()


class SubscribeRequest(Shape):
    """`POST /api/profile-subscription-bulk-create-jobs`."""

    data: Subscribe


class No(Shape):
    """A person's refusal."""

    consent: Literal["UNSUBSCRIBED"]


class NoToMarketing(Shape):
    """Refusal of a channel's marketing."""

    marketing: No | None = None


class NoByChannel(Shape):
    """Refusal by channel."""

    email: NoToMarketing | None = None
    sms: NoToMarketing | None = None


class Unsubscriber(Shape):
    """A person and their refusals."""

    email: str | None = None
    phone_number: str | None = None
    subscriptions: NoByChannel


class UnsubscribedProfile(Shape):
    """One person who refused."""

    type: Literal["profile"]
    attributes: Unsubscriber


class UnsubscribedProfiles(Shape):
    """`data` around the people who refuse."""

    data: list[UnsubscribedProfile]


class UnsubscribeAttributes(Shape):
    """All who refused."""

    profiles: UnsubscribedProfiles


class Unsubscribe(Shape):
    """`SubscriptionDeleteJobCreateQueryResourceObject`."""

    type: Literal["profile-subscription-bulk-delete-job"]
    attributes: UnsubscribeAttributes
    relationships: ListRelationship = absent()


class UnsubscribeRequest(Shape):
    """`POST /api/profile-subscription-bulk-delete-jobs`."""

    data: Unsubscribe


class SuppressedAddress(Shape):
    """An address."""

    email: str


class SuppressedProfile(Shape):
    """A person by e-mail address."""

    type: Literal["profile"]
    attributes: SuppressedAddress


class SuppressedProfiles(Shape):
    """`data` around the people to suppress."""

    data: list[SuppressedProfile]


class SuppressAttributes(Shape):
    """The people to suppress, if no list or segment is named."""

    profiles: SuppressedProfiles | None = None


class SuppressRelationships(Shape):
    """A whole list or segment."""

    list: ListData = absent()
    segment: SegmentData = absent()


class Suppress(Shape):
    """`SuppressionCreateJobCreateQueryResourceObject`, and the one that ends it."""

    type: Literal["profile-suppression-bulk-create-job", "profile-suppression-bulk-delete-job"]
    attributes: SuppressAttributes
    relationships: SuppressRelationships = absent()


class SuppressRequest(Shape):
    """`POST /api/profile-suppression-bulk-create-jobs` and `…-delete-jobs`."""

    data: Suppress


class TemplateAttributes(Shape):
    """A template of HTML code; Klaviyo's own editor creates others."""

    name: str
    editor_type: str
    html: str | None = None
    text: str | None = None
    amp: str | None = None


class Template(Shape):
    """`TemplateCreateQueryResourceObject`."""

    type: Literal["template"]
    attributes: TemplateAttributes


class TemplateRequest(Shape):
    """`POST /api/templates`."""

    data: Template
