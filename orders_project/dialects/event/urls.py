"""The route of the event dialect; a trailing slash is optional. `/order/{digits}/invoice` is routed before it."""

from django.urls import re_path

from orders_project.dialects.event.views import enter

urlpatterns = [re_path(r"^order/(?P<slug>[^/]+)/(?P<profile_id>[^/]+)/?$", enter, name="event-entry")]
